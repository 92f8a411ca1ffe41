{{- define "websub.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "websub.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "websub.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "websub.selector" -}}
app.kubernetes.io/name: {{ include "websub.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "websub.labels" -}}
{{ include "websub.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: websub
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "websub.meta" -}}
name: {{ include "websub.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "websub.labels" . | nindent 2 }}
{{- end -}}

{{- define "websub.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "websub.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "websub.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* http or https, as the programs speak it. */}}
{{- define "websub.scheme" -}}
{{- if .Values.tlsSecret -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{- define "websub.publicUrl" -}}
{{- if .Values.hub.publicUrl -}}
{{- .Values.hub.publicUrl -}}
{{- else if .Values.ingress.enabled -}}
{{- printf "%s://%s/hub" (ternary "https" "http" (not (empty .Values.ingress.tlsSecret))) .Values.ingress.host -}}
{{- else if .Values.httpRoute.enabled -}}
{{- $name := first .Values.httpRoute.hostnames -}}
{{- if or (not $name) (hasPrefix "*" $name) -}}
{{- fail "hub.publicUrl: the first of httpRoute.hostnames does not tell where the hub is found" -}}
{{- end -}}
{{- printf "https://%s/hub" $name -}}
{{- else -}}
{{- printf "%s://%s-hub.%s.svc:%v/hub" (include "websub.scheme" .) (include "websub.fullname" .) .Release.Namespace .Values.hub.service.port -}}
{{- end -}}
{{- end -}}

{{/* What all pods have in common, that of the test included. Context: root, values (of a component). */}}
{{- define "websub.pod" -}}
serviceAccountName: {{ include "websub.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false # Kubernetes would set variables that look like ours
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "websub.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "websub.mounts" -}}
{{- with .Values.existingSecret }}
- {name: secrets, mountPath: /etc/websub/secrets, readOnly: true}
{{- end }}
{{- with .Values.tlsSecret }}
- {name: tls, mountPath: /etc/websub/tls, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "websub.volumes" -}}
{{- with .Values.existingSecret }}
- name: secrets
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.tlsSecret }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* "true" where whoever reaches the hub may do everything. */}}
{{- define "websub.open" -}}
{{- $mode := include "websub.value" (dict "key" "AUTH_MODE" "value" (dig "auth" "mode" "none" .Values.config)) -}}
{{- if contains "none" $mode -}}true{{- end -}}
{{- end -}}

{{/* A duration of the configuration in seconds, rounded up. */}}
{{- define "websub.seconds" -}}
{{- $unit := get (dict "ms" 0.001 "m" 60 "h" 3600 "d" 86400) (toString . | regexFind "[a-z]+$") | default 1 -}}
{{- mulf (toString . | regexFind "^[0-9.]+") $unit | ceil -}}
{{- end -}}

{{/* One value of the configuration as the environment wants it: numbers without exponents, lists joined. */}}
{{- define "websub.value" -}}
{{- if kindIs "slice" .value -}}
{{- $separator := "," -}}
{{- if has .key (list "AUTH_RULES" "KAFKA_PROPERTIES" "SECURITY_SECRET_KEYS" "TRACING_HEADERS") -}}{{- $separator = ";" -}}{{- end -}}
{{- $items := list -}}
{{- range .value -}}{{- $items = append $items (. | toString) -}}{{- end -}}
{{- join $separator $items -}}
{{- else if kindIs "float64" .value -}}
{{- if eq (floor .value) .value -}}{{- printf "%.0f" .value -}}{{- else -}}{{- .value -}}{{- end -}}
{{- else -}}
{{- .value -}}
{{- end -}}
{{- end -}}
