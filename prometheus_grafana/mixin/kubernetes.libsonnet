// What is around the rules and the dashboard when they are Kubernetes objects.
{
  rule: {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'dubbo-rules',
      namespace: 'monitoring',
      labels: {
        // The Prometheus of kube-prometheus takes rules with these labels in older versions, all of them in newer ones.
        prometheus: 'k8s',
        role: 'alert-rules',
        // kube-prometheus-stack (Helm) takes only what has the label of its release, unless told otherwise.
        release: 'kube-prometheus-stack',
      },
    },
    // generate.sh appends the spec: the groups of both rule files.
  },
  // The one of a name: kubectl repeats an object in its annotations, which have room for one dashboard.
  dashboard(name): {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: name,
      namespace: 'monitoring',
      // Grafana's sidecar (kube-prometheus-stack) loads what carries this label.
      labels: { grafana_dashboard: '1' },
    },
    // generate.sh appends the data: a dashboard of the mixin.
  },
}
