{{/* A rule as the values change it; takes a list: the values of prometheusRule, and the rule. */}}
{{- define "mihu-trunk-exporter.rule" -}}
{{- $settings := index . 0 }}
{{- $rule := index . 1 }}
{{- if $rule.alert }}
{{- $change := default dict (get (default dict $settings.alerts) $rule.alert) }}
{{- with $change.for }}{{ $_ := set $rule "for" . }}{{ end }}
{{- with $change.keepFiringFor }}{{ $_ := set $rule "keep_firing_for" . }}{{ end }}
{{- $comparison := include "mihu-trunk-exporter.comparison" . }}
{{- if and (hasKey $change "threshold") (eq (len (regexFindAll $comparison $rule.expr -1)) 1) }}
{{- $_ := set $rule "expr" (regexReplaceAll $comparison $rule.expr (printf "${1}%v${2}" $change.threshold)) }}
{{- end }}
{{- $labels := merge (dict) (default dict $change.labels) (default dict $settings.alertLabels) (default dict $rule.labels) }}
{{- with $change.severity }}{{ $_ := set $labels "severity" . }}{{ end }}
{{- with $labels }}{{ $_ := set $rule "labels" . }}{{ end }}
{{- $links := include "mihu-trunk-exporter.links" (list $settings $rule.alert) | fromYaml }}
{{- $annotations := merge (dict) (default dict $change.annotations) (default dict $settings.alertAnnotations) $links (default dict $rule.annotations) }}
{{- with $annotations }}{{ $_ := set $rule "annotations" . }}{{ end }}
{{- end }}
{{- toYaml $rule }}
{{- end }}

{{/* A comparison with a number other than 0, which no expression means by a threshold; as a regular expression. */}}
{{- define "mihu-trunk-exporter.comparison" -}}
([<>]=? )(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]+)(\s|\)|$)
{{- end }}

{{/* Annotations that link to what helps; takes a list: the values of prometheusRule, and the alert's name. */}}
{{- define "mihu-trunk-exporter.links" -}}
{{- $settings := index . 0 }}
{{- $workspace := `workspace={{ urlquery $labels.workspace }}` }}
{{- with $settings.runbookUrl }}
runbook_url: {{ printf "%s/%s.md" (trimSuffix "/" .) (index $ 1) | quote }}
{{- end }}
{{- with $settings.dashboardUrl }}
{{- $trunk := printf "mihu-trunk?var-%s&var-number={{ urlquery $labels.number }}&var-uuid={{ urlquery $labels.phone_number_uuid }}" $workspace }}
dashboard_url: {{ printf "%s/d/{{ if or $labels.phone_number_uuid $labels.number }}%s{{ else if $labels.workspace }}mihu-overview?var-%s{{ else }}mihu-exporter{{ end }}" (trimSuffix "/" .) $trunk $workspace | quote }}
{{- end }}
{{- with $settings.statusUrl }}
{{- $uuid := printf "trunk?%s&uuid={{ urlquery $labels.phone_number_uuid }}" $workspace }}
{{- $number := printf "trunk?%s&number={{ urlquery $labels.number }}" $workspace }}
status_url: {{ printf "%s/{{ if $labels.phone_number_uuid }}%s{{ else if $labels.number }}%s{{ else if $labels.workspace }}workspace?name={{ urlquery $labels.workspace }}{{ end }}" (trimSuffix "/" .) $uuid $number | quote }}
{{- end }}
{{- end }}

{{/* Refuses changes of what is not there; takes a list: the values of prometheusRule, and the expressions of each alert. */}}
{{- define "mihu-trunk-exporter.validateRules" -}}
{{- $settings := index . 0 }}
{{- $alerts := index . 1 }}
{{- $names := keys $alerts | sortAlpha | join ", " }}
{{- range $settings.disabledAlerts }}
{{- if not (hasKey $alerts .) }}
{{- fail (printf "prometheusRule.disabledAlerts names %s, and there is no such alert; there are %s" . $names) }}
{{- end }}
{{- end }}
{{- range $name, $change := $settings.alerts }}
{{- if not (hasKey $alerts $name) }}
{{- fail (printf "prometheusRule.alerts names %s, and there is no such alert; there are %s" $name $names) }}
{{- end }}
{{- $expressions := get $alerts $name }}
{{- $thresholds := 0 }}
{{- range $expressions }}
{{- $thresholds = eq (len (regexFindAll (include "mihu-trunk-exporter.comparison" $) . -1)) 1 | ternary 1 $thresholds }}
{{- end }}
{{- if and (hasKey $change "threshold") (not $thresholds) }}
{{- fail (printf "prometheusRule.alerts.%s.threshold cannot be set: it compares with no number, or with several" $name) }}
{{- end }}
{{- if and $change.severity (contains (printf "alertname=%q, severity=" $name) (join " " $expressions)) }}
{{- fail (printf "prometheusRule.alerts.%s.severity cannot be changed: the rules tell its severities apart; route it by another label" $name) }}
{{- end }}
{{- end }}
{{- end }}
