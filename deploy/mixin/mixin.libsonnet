// The rules and dashboards of mihu-trunk-exporter in the layout of Prometheus mixins:
//
//     (import 'mihu/mixin/mixin.libsonnet') { _config+:: { runbookURL: 'https://runbooks.internal' } }
//
// They are read from where they are written: ../prometheus/rules and ../grafana/json have to stand beside this folder,
// as deploy/ has them, and the folder that `mihu-trunk-exporter assets` writes. Its flags are the parameters, but for thresholds.
local groups = std.parseYaml(importstr '../prometheus/rules/mihu-trunk-exporter.rules.yaml').groups;

// A group is evaluated in its order, and some alerts read what was recorded right before them: they stay together.
local isAlert(rule) = std.objectHas(rule, 'alert');
local hasAlerts(group) = std.any(std.map(isAlert, group.rules));

{
  _config:: {
    // Addresses without a slash at the end; null makes no link.
    runbookURL: null,  // alerts link to runbookURL/ALERT.md
    grafanaURL: null,
    statusURL: null,  // of the exporter's status page
    // By the name of an alert.
    severities: {},  // { MihuTrunkGone: 'warning' }
    durations: {},  // { MihuRateLimited: '1h' }, its `for`
    disabled: [],
    // For every alert.
    labels: {},
    annotations: {},
  },

  local config = self._config,

  // What an alert is about, its labels say: a trunk, a workspace, or the exporter.
  local dashboard =
    '{{ if or $labels.phone_number_uuid $labels.number }}mihu-trunk?var-workspace={{ urlquery $labels.workspace }}' +
    '&var-number={{ urlquery $labels.number }}&var-uuid={{ urlquery $labels.phone_number_uuid }}' +
    '{{ else if $labels.workspace }}mihu-overview?var-workspace={{ urlquery $labels.workspace }}' +
    '{{ else }}mihu-exporter{{ end }}',
  local status =
    '{{ if $labels.phone_number_uuid }}trunk?workspace={{ urlquery $labels.workspace }}' +
    '&uuid={{ urlquery $labels.phone_number_uuid }}' +
    '{{ else if $labels.number }}trunk?workspace={{ urlquery $labels.workspace }}&number={{ urlquery $labels.number }}' +
    '{{ else if $labels.workspace }}workspace?name={{ urlquery $labels.workspace }}{{ end }}',

  local links(alert) =
    (if config.runbookURL == null then {} else { runbook_url: '%s/%s.md' % [config.runbookURL, alert.alert] }) +
    (if config.grafanaURL == null then {} else { dashboard_url: config.grafanaURL + '/d/' + dashboard }) +
    (if config.statusURL == null then {} else { status_url: config.statusURL + '/' + status }),

  local parametrized(alert) =
    alert
    + (if std.objectHas(config.durations, alert.alert) then { 'for': config.durations[alert.alert] } else {})
    + {
      labels+: config.labels + { severity: std.get(config.severities, alert.alert, alert.labels.severity) },
      annotations+: links(alert) + config.annotations,
    },

  prometheusAlerts+:: {
    groups+: [
      group {
        rules: [
          if isAlert(rule) then parametrized(rule) else rule
          for rule in group.rules
          if !isAlert(rule) || !std.member(config.disabled, rule.alert)
        ],
      }
      for group in std.filter(hasAlerts, groups)
    ],
  },

  prometheusRules+:: {
    groups+: std.filter(function(group) !hasAlerts(group), groups),
  },

  grafanaDashboards+:: {
    'mihu-overview.json': import '../grafana/json/mihu-overview.json',
    'mihu-trunk.json': import '../grafana/json/mihu-trunk.json',
    'mihu-exporter.json': import '../grafana/json/mihu-exporter.json',
  },
}
