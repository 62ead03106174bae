// How an alert is made: its labels, its texts, and its links.
function(config) {
  local promql = (import 'promql.libsonnet')(config),
  // The sections of the runbook, in the order of the panels of its dashboard.
  sections:: import 'runbook.json',
  local sections = self.sections,

  local panel(name) = [i + 1 for i in std.range(0, std.length(sections) - 1) if sections[i].title == name][0],
  local runbook(name) =
    if config.runbookURLPattern == null
    then '%s/d/dubbo-runbook?viewPanel=panel-%d' % [config.grafanaURL, panel(name)]
    else std.strReplace(config.runbookURLPattern, '%s', std.asciiLower(name)),

  // The dashboard, with what the alert is about in its variables, unless that is a server of others.
  local dashboard(ours) =
    config.grafanaURL + '/d/dubbo?from=now-3h&to=now' + std.join('', [
      '{{ with $labels.%s }}&var-%s={{ urlquery . }}{{ end }}' % [label, if label == 'application_name' then 'application' else label]
      for label in config.clusterLabels + if ours then ['application_name', 'interface', 'method', 'instance'] else []
    ]),

  alert(name, severity, pending, expr, summary, description, labels={}, ours=true):: {
    alert: name,
    expr: promql.text(expr),
    'for': pending,
    labels: { severity: severity } + labels,
    annotations: {
      summary: summary,
      description: description,
      runbook_url: runbook(name),
      dashboard_url: dashboard(ours),
    },
  },
}
