// The Dubbo mixin: recording rules, alerts and the dashboard, for jsonnet users of kube-prometheus and the like.
(import 'processes.libsonnet') +
(import 'calls.libsonnet') +
(import 'objectives.libsonnet') +
(import 'alerts.libsonnet') +
(import 'system-alerts.libsonnet') +
(import 'dashboard.libsonnet') + {
  local wrong = (import 'checks.libsonnet')($._config),
  assert wrong == [] : std.join('\n', wrong),
}
