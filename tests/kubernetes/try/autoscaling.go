package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"sigs.k8s.io/yaml"
)

// Adapter stands for prometheus-adapter: it serves one external metric by the example's configuration.
type Adapter struct {
	prometheus *Prometheus
	rule       struct {
		Name         struct{ As string }
		SeriesQuery  string
		MetricsQuery string
	}
}

const metrics = "/apis/external.metrics.k8s.io/v1beta1"

func (c *Cluster) adapter(prometheus *Prometheus) {
	text, err := os.ReadFile(filepath.Join(c.Project, "kubernetes/components/autoscaling/prometheus-adapter-values.yaml"))
	fatal(err)
	adapter := &Adapter{prometheus: prometheus}
	var values struct {
		Rules struct{ External []json.RawMessage }
	}
	fatal(yaml.Unmarshal(text, &values))
	must(len(values.Rules.External) == 1, "the example has one rule")
	fatal(json.Unmarshal(values.Rules.External[0], &adapter.rule))
	handler := http.NewServeMux()
	handler.HandleFunc("GET "+metrics, adapter.list)
	handler.HandleFunc("GET "+metrics+"/namespaces/{namespace}/{name}", adapter.value)
	server := &http.Server{Addr: host + ":7443", Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { panic(server.ListenAndServeTLS(c.file("certs/apiserver.crt"), c.file("certs/apiserver.key"))) }()
	objects := fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: adapter, namespace: monitoring}
spec: {ports: [{name: https, port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: adapter, namespace: monitoring, labels: {kubernetes.io/service-name: adapter}}
addressType: IPv4
endpoints: [{addresses: [%s], conditions: {ready: true}}]
ports: [{name: https, port: 7443}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: adapter, namespace: monitoring, port: 443}
`, host)
	fatal(os.WriteFile(c.file("adapter.yaml"), []byte(objects), 0o600))
	c.kubectl("apply", "-f", c.file("adapter.yaml"))
}

func (a *Adapter) list(writer http.ResponseWriter, _ *http.Request) {
	reply(writer, map[string]any{
		"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "external.metrics.k8s.io/v1beta1",
		"resources": []any{map[string]any{"name": a.rule.Name.As, "namespaced": true, "singularName": "", "kind": "ExternalMetricValueList", "verbs": []string{"get"}}},
	})
}

// value runs the rule's query for a namespace and the labels of a selector.
func (a *Adapter) value(writer http.ResponseWriter, request *http.Request) {
	if request.PathValue("name") != a.rule.Name.As {
		http.NotFound(writer, request)
		return
	}
	matchers := []string{fmt.Sprintf("namespace=%q", request.PathValue("namespace"))}
	for _, part := range strings.Split(request.URL.Query().Get("labelSelector"), ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			matchers = append(matchers, fmt.Sprintf("%s=%q", name, value))
		}
	}
	series, _, _ := strings.Cut(strings.TrimPrefix(a.rule.SeriesQuery, `{__name__="`), `"`)
	query, err := template.New("query").Delims("<<", ">>").Parse(a.rule.MetricsQuery)
	fatal(err)
	var text bytes.Buffer
	fatal(query.Execute(&text, map[string]string{"Series": series, "LabelMatchers": strings.Join(matchers, ",")}))
	samples, err := a.prometheus.query(text.String())
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	items := []any{}
	for _, sample := range samples {
		number, err := strconv.ParseFloat(fmt.Sprint(sample.Value[1]), 64)
		fatal(err)
		items = append(items, map[string]any{
			"metricName": a.rule.Name.As, "metricLabels": sample.Metric,
			"timestamp": time.Now().UTC().Format(time.RFC3339), "value": fmt.Sprintf("%.0fm", number*1000),
		})
	}
	reply(writer, map[string]any{"kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items})
}

func reply(writer http.ResponseWriter, value any) {
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(value)
}

// checkAutoscaling lets the autoscaler choose the number of providers from the recorded rate of calls.
func checkAutoscaling(c *Cluster, r *Report) {
	c.watch()
	c.load(r)
	c.adapter(ours)
	const metric = metrics + "/namespaces/dubbo-system/dubbo_requests_per_second"
	var out string
	served := within(3*time.Minute, func() bool {
		out, _ = c.try("get", "--raw", metric+"?labelSelector=application_name%3Ddubbo-rust-server")
		return strings.Contains(out, `"metricLabels":{"application_name":"dubbo-rust-server","namespace":"dubbo-system"}`)
	})
	r.check(served, "the recorded rate is an external metric", out)
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/autoscaling")
	// Fewer calls and pods than in the example are enough for a trial.
	c.kubectl("-n", "dubbo-system", "patch", "hpa", "dubbo-server", "--type=json", "-p",
		`[{"op": "replace", "path": "/spec/metrics/0/external/target/averageValue", "value": "10"}, {"op": "replace", "path": "/spec/maxReplicas", "value": 4}]`)
	var replicas string
	scaled := within(5*time.Minute, func() bool {
		replicas = strings.TrimSpace(c.kubectl("-n", "dubbo-system", "get", "deployment", "dubbo-server", "-o", "jsonpath={.spec.replicas}"))
		number, err := strconv.Atoi(replicas)
		return err == nil && number == 4
	})
	r.check(scaled, "the autoscaler adds providers: "+replicas, c.kubectl("-n", "dubbo-system", "describe", "hpa", "dubbo-server"))
	must(c.available(3*time.Minute), "every pod is ready")
	c.kubectl("-n", "dubbo-system", "delete", "hpa", "dubbo-server")
	c.kubectl("delete", "apiservice", "v1beta1.external.metrics.k8s.io")
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/kube-prometheus")
	r.check(within(3*time.Minute, func() bool { return c.readyPods("app=dubbo-server") == 2 && c.count("app=dubbo-server") == 2 }), "without it there are two again", c.pods())
}
