{{- define "mihu-trunk-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimAll "-" }}
{{- end }}

{{/* At most 52 characters: a StatefulSet's pods are labelled with its name and eleven more. */}}
{{- define "mihu-trunk-exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $default := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $default .Values.fullnameOverride | trunc 52 | trimAll "-" }}
{{- end }}

{{- define "mihu-trunk-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "mihu-trunk-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "mihu-trunk-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of an object; takes a list: the root and the object's own labels, which lose against the chart's. */}}
{{- define "mihu-trunk-exporter.labels" -}}
{{- $root := index . 0 }}
{{- $labels := include "mihu-trunk-exporter.selectorLabels" $root | fromYaml }}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- $_ := set $labels "app.kubernetes.io/version" $root.Chart.AppVersion }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- merge $labels (default dict (index . 1)) (default dict $root.Values.commonLabels) | toYaml }}
{{- end }}

{{/* Labels of a pod: no chart's version, with which they would change for nothing. */}}
{{- define "mihu-trunk-exporter.podLabels" -}}
{{- $labels := include "mihu-trunk-exporter.selectorLabels" . | fromYaml }}
{{- merge $labels (default dict .Values.podLabels) (default dict .Values.commonLabels) | toYaml }}
{{- end }}

{{- define "mihu-trunk-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "mihu-trunk-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "mihu-trunk-exporter.image" -}}
{{- $image := .Values.image }}
{{- $global := default dict .Values.global }}
{{- with default $image.registry $global.imageRegistry }}{{ . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{- define "mihu-trunk-exporter.serviceName" -}}
{{- include "mihu-trunk-exporter.fullname" . }}{{ if .Values.sharding.enabled }}-shards{{ end }}
{{- end }}

{{- define "mihu-trunk-exporter.configName" -}}
{{- default (printf "%s-config" (include "mihu-trunk-exporter.fullname" .)) .Values.configStorage.existingName }}
{{- end }}

{{/* The files of the configuration, as a mapping. */}}
{{- define "mihu-trunk-exporter.configFiles" -}}
{{- $config := deepCopy .Values.config }}
{{- if and (include "mihu-trunk-exporter.tokensName" .) (not (dig "global" "authorization" dict $config)) }}
{{- $file := printf "%s/token" .Values.tokens.mountPath }}
{{- $config = mergeOverwrite $config (dict "global" (dict "authorization" (dict "credentials_file" $file))) }}
{{- end }}
{{- if not $config.global }}
{{- $config = omit $config "global" }}
{{- end }}
{{- $files := dict "config.yaml" (printf "%s\n" (toYaml $config)) }}
{{- merge $files (default dict .Values.configStorage.extraFiles) | toYaml }}
{{- end }}

{{/* The Secret with the tokens; empty if there is none. */}}
{{- define "mihu-trunk-exporter.tokensName" -}}
{{- if .Values.tokens.existingSecret }}
{{- .Values.tokens.existingSecret }}
{{- else if .Values.tokens.values }}
{{- include "mihu-trunk-exporter.fullname" . }}-tokens
{{- end }}
{{- end }}

{{/* The claim of the Deployment's volume. */}}
{{- define "mihu-trunk-exporter.claimName" -}}
{{- default (printf "%s-state" (include "mihu-trunk-exporter.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{/* What is claimed, for the Deployment's volume and for each shard's. */}}
{{- define "mihu-trunk-exporter.claimSpec" -}}
accessModes:
  {{- toYaml .Values.persistence.accessModes | nindent 2 }}
{{- with .Values.persistence.storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.persistence.size }}
{{- end }}

{{/* How many pods there are. */}}
{{- define "mihu-trunk-exporter.pods" -}}
{{- ternary .Values.sharding.shards .Values.replicas .Values.sharding.enabled }}
{{- end }}

{{/* What every path begins with, without a slash at its end. */}}
{{- define "mihu-trunk-exporter.prefix" -}}
{{- $path := default (get (urlParse (default "" .Values.externalUrl)) "path") .Values.routePrefix | splitList "/" | compact | join "/" }}
{{- if $path }}/{{ $path }}{{ end }}
{{- end }}

{{/* The exporter's web configuration, as YAML; "{}" if it has none, or that of an existing Secret. */}}
{{- define "mihu-trunk-exporter.webConfig" -}}
{{- $content := deepCopy (default dict .Values.webConfig.content) }}
{{- if and .Values.webConfig.tlsSecret (not .Values.webConfig.existingSecret) }}
{{- $content = merge $content (dict "tls_server_config" (dict "cert_file" "tls.crt" "key_file" "tls.key")) }}
{{- end }}
{{- toYaml $content }}
{{- end }}

{{/* The Secret with the web configuration; empty if there is none. */}}
{{- define "mihu-trunk-exporter.webConfigName" -}}
{{- if .Values.webConfig.existingSecret }}
{{- .Values.webConfig.existingSecret }}
{{- else if ne (include "mihu-trunk-exporter.webConfig" .) "{}" }}
{{- include "mihu-trunk-exporter.fullname" . }}-web-config
{{- end }}
{{- end }}

{{/* https or http: what the exporter answers. */}}
{{- define "mihu-trunk-exporter.scheme" -}}
{{- $web := include "mihu-trunk-exporter.webConfig" . | fromYaml }}
{{- if or $web.tls_server_config .Values.webConfig.existingTLS .Values.webConfig.tlsSecret }}https{{ else }}http{{ end }}
{{- end }}

{{/* Which certificates of clients the exporter asks for, as far as the chart knows. */}}
{{- define "mihu-trunk-exporter.clientAuth" -}}
{{- include "mihu-trunk-exporter.webConfig" . | fromYaml | dig "tls_server_config" "client_auth_type" "" }}
{{- end }}

{{/* A host name and a port at which the exporter is found in the cluster. */}}
{{- define "mihu-trunk-exporter.address" -}}
{{- include "mihu-trunk-exporter.serviceName" . }}:{{ ternary .Values.containerPort .Values.service.port .Values.sharding.enabled }}
{{- end }}

{{/* What asks the exporter for its health, in its image. */}}
{{- define "mihu-trunk-exporter.healthCheck" -}}
["/opt/mihu-trunk-exporter/bin/python", "-I", "/opt/mihu-trunk-exporter/healthcheck.py"]
{{- end }}

{{/* A probe; takes a list: the root, the probe's values and what it asks for. */}}
{{- define "mihu-trunk-exporter.probe" -}}
{{- $root := index . 0 }}
{{- $probe := index . 1 }}
{{- $path := index . 2 }}
{{- if or $probe.httpGet $probe.tcpSocket $probe.exec }}
{{- else if ne (include "mihu-trunk-exporter.clientAuth" $root) "RequireAndVerifyClientCert" }}
httpGet:
  path: {{ include "mihu-trunk-exporter.prefix" $root }}{{ $path }}
  port: http
  {{- if eq (include "mihu-trunk-exporter.scheme" $root) "https" }}
  scheme: HTTPS
  {{- end }}
{{- else if eq $path "/-/ready" }}
# The kubelet has no certificate of a client.
tcpSocket:
  port: http
{{- else }}
exec:
  command: {{ include "mihu-trunk-exporter.healthCheck" $root }}
{{- end }}
{{ toYaml $probe }}
{{- end }}

{{/* The kind of object that has the exporter scraped; empty if there is none. */}}
{{- define "mihu-trunk-exporter.monitorKind" -}}
{{- if .Values.serviceMonitor.enabled }}ServiceMonitor
{{- else if .Values.podMonitor.enabled }}PodMonitor
{{- else if .Values.vmServiceScrape.enabled }}VMServiceScrape
{{- end }}
{{- end }}

{{/* Labels of the pod of `helm test`, which no selector of the exporter's matches. */}}
{{- define "mihu-trunk-exporter.testLabels" -}}
app.kubernetes.io/name: {{ include "mihu-trunk-exporter.name" . | trunc 52 }}-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}
