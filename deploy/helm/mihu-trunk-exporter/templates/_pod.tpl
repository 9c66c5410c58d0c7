{{/* The pod, of a Deployment and of a StatefulSet alike. */}}
{{- define "mihu-trunk-exporter.podTemplate" -}}
{{- $tokens := include "mihu-trunk-exporter.tokensName" . }}
{{- $web := include "mihu-trunk-exporter.webConfigName" . }}
metadata:
  {{- $annotations := dict }}
  {{- if not .Values.configStorage.existingName }}
  {{- $_ := set $annotations "checksum/config" (include "mihu-trunk-exporter.configFiles" . | sha256sum) }}
  {{- end }}
  {{- if and $web (not .Values.webConfig.existingSecret) }}
  {{- $_ := set $annotations "checksum/web-config" (include "mihu-trunk-exporter.webConfig" . | sha256sum) }}
  {{- end }}
  {{- with merge $annotations (default dict .Values.podAnnotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  labels:
    {{- include "mihu-trunk-exporter.podLabels" . | nindent 4 }}
spec:
  serviceAccountName: {{ include "mihu-trunk-exporter.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  # A Service's address in the environment may look like a flag: both begin with MIHU_.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "mihu-trunk-exporter.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --config.file=/etc/mihu-trunk-exporter/config.yaml
        - --web.listen-address=:{{ .Values.containerPort }}
        - --web.telemetry-path={{ .Values.telemetryPath }}
        {{- with .Values.routePrefix }}
        - --web.route-prefix={{ . }}
        {{- end }}
        {{- with .Values.externalUrl }}
        - --web.external-url={{ . }}
        {{- end }}
        {{- if $web }}
        - --web.config.file=/etc/mihu-trunk-exporter-web/web.yaml
        {{- end }}
        - --log.level={{ .Values.log.level }}
        - --log.format={{ .Values.log.format }}
        - --storage.path=/var/lib/mihu-trunk-exporter
        {{- if .Values.sharding.enabled }}
        - --shard.ordinal=auto
        - --shard.total={{ .Values.sharding.shards }}
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      {{- with .Values.startupProbe }}
      startupProbe:
        {{- include "mihu-trunk-exporter.probe" (list $ . "/-/healthy") | trim | nindent 8 }}
      {{- end }}
      {{- with .Values.livenessProbe }}
      livenessProbe:
        {{- include "mihu-trunk-exporter.probe" (list $ . "/-/healthy") | trim | nindent 8 }}
      {{- end }}
      {{- with .Values.readinessProbe }}
      readinessProbe:
        {{- include "mihu-trunk-exporter.probe" (list $ . "/-/ready") | trim | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /etc/mihu-trunk-exporter
          readOnly: true
        {{- if $tokens }}
        - name: tokens
          mountPath: {{ .Values.tokens.mountPath }}
          readOnly: true
        {{- end }}
        {{- if $web }}
        - name: web-config
          mountPath: /etc/mihu-trunk-exporter-web
          readOnly: true
        {{- end }}
        - name: state
          mountPath: /var/lib/mihu-trunk-exporter
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      {{- if eq .Values.configStorage.kind "Secret" }}
      secret:
        secretName: {{ include "mihu-trunk-exporter.configName" . | quote }}
        defaultMode: 0440
      {{- else }}
      configMap:
        name: {{ include "mihu-trunk-exporter.configName" . | quote }}
      {{- end }}
    {{- if $tokens }}
    - name: tokens
      secret:
        secretName: {{ $tokens | quote }}
        defaultMode: 0440
    {{- end }}
    {{- with include "mihu-trunk-exporter.webConfigVolume" . }}
    {{- . | trim | nindent 4 }}
    {{- end }}
    {{- if not .Values.persistence.enabled }}
    - name: state
      emptyDir: {}
    {{- else if not .Values.sharding.enabled }}
    - name: state
      persistentVolumeClaim:
        claimName: {{ include "mihu-trunk-exporter.claimName" . | quote }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The volume of the web configuration, in a list; nothing if there is none. */}}
{{- define "mihu-trunk-exporter.webConfigVolume" -}}
{{- with include "mihu-trunk-exporter.webConfigName" . }}
- name: web-config
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ . | quote }}
      {{- with $.Values.webConfig.tlsSecret }}
      - secret:
          name: {{ . | quote }}
      {{- end }}
{{- end }}
{{- end }}
