// What is around the rules and the dashboard when they are Kubernetes objects.
{
  rule: {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'dubbo-rules',
      namespace: 'monitoring',
      // kube-prometheus's own Prometheus takes rules with these labels.
      labels: { prometheus: 'k8s', role: 'alert-rules' },
    },
    // generate.sh appends the spec: the groups of both rule files.
  },
  dashboard: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'dubbo-dashboard',
      namespace: 'monitoring',
      // Grafana's sidecar (kube-prometheus-stack) loads what carries this label.
      labels: { grafana_dashboard: '1' },
    },
    // generate.sh appends the data: grafana.json as it is.
  },
}
