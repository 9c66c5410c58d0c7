{{/* Refuses what a schema cannot tell, or not in plain words. */}}
{{- define "mihu-trunk-exporter.validate" -}}
{{- $storage := .Values.configStorage }}
{{- $config := .Values.config }}
{{- if and .Values.tokens.existingSecret .Values.tokens.values }}
{{- fail "tokens.existingSecret and tokens.values exclude each other: set one of them" }}
{{- end }}
{{- if and .Values.sharding.enabled (ne (int .Values.replicas) 1) }}
{{- fail "replicas is for the Deployment only: with sharding.enabled there is one pod for each of sharding.shards" }}
{{- end }}
{{- if .Values.persistence.enabled }}
{{- if gt (int .Values.replicas) 1 }}
{{- fail "with persistence.enabled there is one pod, or shards: two exporters cannot have the same volume" }}
{{- end }}
{{- if and .Values.sharding.enabled .Values.persistence.existingClaim }}
{{- fail "persistence.existingClaim is for the Deployment only: with sharding.enabled each shard claims a volume of its own" }}
{{- end }}
{{- end }}
{{- $web := .Values.webConfig }}
{{- if and $web.content $web.existingSecret }}
{{- fail "webConfig.content and webConfig.existingSecret exclude each other: set one of them" }}
{{- end }}
{{- if and $web.existingTLS (not $web.existingSecret) }}
{{- fail "webConfig.existingTLS is about webConfig.existingSecret, which is empty" }}
{{- end }}
{{- if and .Values.sharding.enabled (or .Values.ingress.enabled .Values.httpRoute.enabled) }}
{{- fail "ingress and httpRoute are for the Deployment only: with sharding.enabled each shard has a status page of its own" }}
{{- end }}
{{- include "mihu-trunk-exporter.validateMonitor" . }}
{{- if not $storage.existingName }}
{{- if not (or $config.workspaces $config.workspace_files) }}
{{- fail "config.workspaces is empty: name a workspace, as with --set config.workspaces[0].subdomain=acme" }}
{{- end }}
{{- if not (or (include "mihu-trunk-exporter.tokensName" .) (dig "global" "authorization" dict $config)) }}
{{- range $config.workspaces }}
{{- if not .authorization }}
{{- fail (printf "there is no token for the workspace %s: name a Secret in tokens.existingSecret" (default .subdomain .name)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $tokens := .Values.tokens }}
{{- if $tokens.values }}
{{- $shared := default (dict "credentials_file" (printf "%s/token" $tokens.mountPath)) (dig "global" "authorization" dict $config) }}
{{- range $config.workspaces }}
{{- $file := get (default $shared .authorization) "credentials_file" }}
{{- $key := trimPrefix (printf "%s/" $tokens.mountPath) $file }}
{{- if and (ne $key $file) (not (hasKey $tokens.values $key)) }}
{{- fail (printf "the workspace %s reads its token from %s, and tokens.values has no %s" (default .subdomain .name) $file $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- $files := include "mihu-trunk-exporter.configFiles" . }}
{{- if and (contains (printf "%s/" .Values.tokens.mountPath) $files) (not (include "mihu-trunk-exporter.tokensName" .)) }}
{{- fail (printf "the configuration reads a token in %s, where nothing is mounted: name a Secret in tokens.existingSecret" .Values.tokens.mountPath) }}
{{- end }}
{{- if eq $storage.kind "ConfigMap" }}
{{- if regexMatch `proxy_url["']?:\s*\S+://[^/\s]*@` $files }}
{{- fail "a proxy_url holds a password, and a ConfigMap is no place for one: set configStorage.kind to Secret" }}
{{- end }}
{{- if regexMatch `(^|[\s{,"'])credentials["']?:` $files }}
{{- fail "a file of the configuration holds a token (credentials), and a ConfigMap is no place for one: use credentials_file, and tokens.existingSecret" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mihu-trunk-exporter.validateMonitor" -}}
{{- $monitor := .Values.serviceMonitor }}
{{- $web := .Values.webConfig }}
{{- $kind := include "mihu-trunk-exporter.monitorKind" . }}
{{- if gt (len (compact (list $monitor.enabled .Values.podMonitor.enabled .Values.vmServiceScrape.enabled))) 1 }}
{{- fail "serviceMonitor, podMonitor and vmServiceScrape exclude each other, or the exporter is scraped twice: enable one of them" }}
{{- end }}
{{- if and $kind (not $monitor.basicAuth) (include "mihu-trunk-exporter.webConfig" . | fromYaml).basic_auth_users }}
{{- fail "webConfig asks for a password: name a Secret that holds it in serviceMonitor.basicAuth" }}
{{- end }}
{{- $elsewhere := and $monitor.namespace (ne $monitor.namespace (include "mihu-trunk-exporter.namespace" .)) }}
{{- $encrypts := eq (default (include "mihu-trunk-exporter.scheme" .) $monitor.scheme) "https" }}
{{- $asks := eq (include "mihu-trunk-exporter.clientAuth" .) "RequireAndVerifyClientCert" }}
{{- if and $kind $encrypts (not $monitor.tlsConfig) (or $elsewhere $asks (not $web.tlsSecret)) }}
{{- fail "the exporter encrypts: say in serviceMonitor.tlsConfig how Prometheus verifies its certificate, and which it shows" }}
{{- end }}
{{- end }}
