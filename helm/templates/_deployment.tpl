{{/* The Deployment of one program. Context: root, component, values (of the component). */}}
{{- define "websub.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "websub.meta" . | nindent 2 }}
spec:
  {{- if not .scaled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "websub.selector" . | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      labels:
        {{- include "websub.labels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "websub.serviceAccount" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false # Kubernetes would set variables that look like ours
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: {{ .component }}
          image: {{ include "websub.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [/usr/bin/websub-{{ .component }}]
          ports:
            - {name: http, containerPort: {{ $values.port }}, protocol: TCP}
          envFrom:
            - configMapRef: {name: {{ include "websub.fullname" $root }}-config}
          env:
            - name: POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            {{- if eq .component "consolidator" }}
            - {name: WEBSUB_CONSOLIDATOR_INSTANCE_ID, value: $(POD_NAME)}
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          startupProbe:
            httpGet: {path: /healthz, port: http, scheme: {{ include "websub.scheme" $root | upper }}}
            periodSeconds: 2
            failureThreshold: 30
          livenessProbe:
            httpGet: {path: /healthz, port: http, scheme: {{ include "websub.scheme" $root | upper }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: http, scheme: {{ include "websub.scheme" $root | upper }}}
            periodSeconds: 3
            timeoutSeconds: 3
          {{- if $values.preStopSeconds }}
          lifecycle:
            preStop:
              exec: {command: [/usr/bin/sleep, {{ $values.preStopSeconds | quote }}]}
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          {{- if or $root.Values.existingSecret $root.Values.tlsSecret }}
          volumeMounts:
            {{- if $root.Values.existingSecret }}
            - {name: secrets, mountPath: /etc/websub/secrets, readOnly: true}
            {{- end }}
            {{- if $root.Values.tlsSecret }}
            - {name: tls, mountPath: /etc/websub/tls, readOnly: true}
            {{- end }}
          {{- end }}
      {{- if or $root.Values.existingSecret $root.Values.tlsSecret }}
      volumes:
        {{- with $root.Values.existingSecret }}
        - name: secrets
          secret: {secretName: {{ . }}, defaultMode: 0440}
        {{- end }}
        {{- with $root.Values.tlsSecret }}
        - name: tls
          secret: {secretName: {{ . }}, defaultMode: 0440}
        {{- end }}
      {{- end }}
      {{- if $root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "websub.selector" $ | nindent 14 }}
        {{- end }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
