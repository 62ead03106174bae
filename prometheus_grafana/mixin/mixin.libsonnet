// The Dubbo mixin: recording rules, alerts and the dashboard, for jsonnet users of kube-prometheus and the like.
(import 'rules.libsonnet') +
(import 'alerts.libsonnet') +
(import 'dashboard.libsonnet')
