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
{{- else -}}
{{- printf "%s://%s-hub.%s.svc:%v/hub" (include "websub.scheme" .) (include "websub.fullname" .) .Release.Namespace .Values.hub.service.port -}}
{{- end -}}
{{- end -}}

{{/* One value of the configuration as the environment wants it: numbers without exponents, lists joined. */}}
{{- define "websub.value" -}}
{{- if kindIs "slice" .value -}}
{{- $separator := "," -}}
{{- if has .key (list "AUTH_RULES" "KAFKA_PROPERTIES" "SECURITY_SECRET_KEYS") -}}{{- $separator = ";" -}}{{- end -}}
{{- $items := list -}}
{{- range .value -}}{{- $items = append $items (. | toString) -}}{{- end -}}
{{- join $separator $items -}}
{{- else if kindIs "float64" .value -}}
{{- if eq (floor .value) .value -}}{{- printf "%.0f" .value -}}{{- else -}}{{- .value -}}{{- end -}}
{{- else -}}
{{- .value -}}
{{- end -}}
{{- end -}}
