package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// checkTargets compares what each installation scrapes and evaluates, with the RoleBinding and without it.
func checkTargets(c *Cluster, r *Report) {
	c.watch()
	must(c.available(3*time.Minute), "every pod is ready")
	for name, prometheus := range installations() {
		want := map[string]int{"dubbo-system/dubbo-pod-monitor": 3, "dubbo-system/zookeeper": 1}
		up := within(2*time.Minute, func() bool {
			return prometheus.up()["dubbo-system/dubbo-pod-monitor"] == 3 && prometheus.up()["dubbo-system/zookeeper"] == 1
		})
		r.check(up, fmt.Sprintf("under %s the targets are up: %v", name, want), prometheus.targets())
		others := slices.DeleteFunc(prometheus.targets(), func(target Target) bool { return target.ScrapeInterval == "15s" })
		r.check(len(others) == 0, fmt.Sprintf("under %s every target is scraped each 15 s", name), others)
		healthy := within(2*time.Minute, func() bool {
			rules := prometheus.rules()
			return len(rules) > 20 && !slices.ContainsFunc(rules, func(rule Rule) bool { return rule.Health != "ok" })
		})
		r.check(healthy, fmt.Sprintf("under %s all %d rules are healthy", name, len(prometheus.rules())), prometheus.rules())
	}
	c.kubectl("-n", "dubbo-system", "delete", "rolebinding", "dubbo-pod-discovery")
	// Discovery that runs already goes on until its watch ends, so another Prometheus starts on the same configuration.
	another := c.prometheus(ours.resource, "prometheus-k8s")
	refused := within(time.Minute, func() bool { return strings.Contains(another.log(), `cannot list resource \"pods\"`) })
	r.check(refused && another.up()["dubbo-system/dubbo-pod-monitor"] == 0, "without the RoleBinding nothing is discovered", another.up())
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/kube-prometheus")
	back := within(3*time.Minute, func() bool { return another.up()["dubbo-system/dubbo-pod-monitor"] == 3 })
	r.check(back, "with it everything is", another.up())
	another.stop()
}

// checkPush pushes by a batch job and by hand. What is pushed keeps its own labels.
func checkPush(c *Cluster, r *Report) {
	c.watch()
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/push/gateway")
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/push/daemon")
	up := within(3*time.Minute, func() bool {
		return ours.up()["monitoring/pushgateway"] == 1 && ours.up()["dubbo-system/pgw-cleaner"] == 1
	})
	r.check(up, "the gateway and the cleaner as a daemon are scraped", ours.up())
	address := c.one("app=pushgateway", "{.status.podIP}")
	push := fmt.Sprintf("printf 'batch_done 1\\n' | curl -sf --data-binary @- http://%s:9091/metrics/job/batch/instance/one", address)
	run("sh", "-c", push)
	run("sh", "-c", strings.Replace(push, "instance/one", "instance/two/namespace/shop", 1))
	var samples []Sample
	both := within(time.Minute, func() bool {
		samples, _ = ours.query("batch_done")
		return len(samples) == 2
	})
	r.check(both, "pushed series are there", samples)
	for _, sample := range samples {
		pushed := map[string]string{"__name__": "batch_done", "job": "batch", "instance": sample.Metric["instance"]}
		if pushed["instance"] == "two" {
			pushed["namespace"] = "shop"
		}
		r.check(fmt.Sprint(sample.Metric) == fmt.Sprint(pushed), "they have the labels that were pushed, and no others", sample)
	}
	c.kubectl("apply", "-f", "kubernetes/examples/batch-job.yaml")
	const calls = `sum by (job, namespace, pod) (dubbo_consumer_requests_succeed_total{job="dubbo_client"})`
	pushing := within(2*time.Minute, func() bool {
		samples, _ = ours.query(calls)
		return len(samples) == 1 && samples[0].Metric["namespace"] == "" && samples[0].Metric["pod"] == ""
	})
	r.check(pushing, "the example of a batch job pushes its calls", samples)
}

// checkQueries asks every query of the dashboard, with the operator's labels.
func checkQueries(c *Cluster, r *Report) {
	c.watch()
	text, err := os.ReadFile(filepath.Join(c.Project, "grafana.json"))
	fatal(err)
	var dashboard any
	fatal(json.Unmarshal(text, &dashboard))
	expressions := map[string]bool{}
	collect(dashboard, expressions)
	// Nothing fires, fails, starts, stops or is stale; what was pushed belongs to no namespace. At the moment 0 there is no sample: such a
	// query asks for exemplars alone.
	quiet := []string{"ALERTS{", "} @ 0", "dubbo:errors:rate5m", " unless on (cluster, namespace, ", "dubbo:push_stale"}
	for namespace, without := range map[string][]string{
		"dubbo-system":      append([]string{"dubbo:pushes:"}, quiet...),
		"dubbo-system|shop": append([]string{"dubbo:pushes:"}, quiet...),
		".*":                quiet,
	} {
		var empty []string
		within(3*time.Minute, func() bool {
			empty = ours.empty(expressions, namespace, without)
			return len(empty) == 0
		})
		r.check(len(empty) == 0, fmt.Sprintf("all %d queries of the dashboard have data for %s, but for %v", len(expressions), namespace, without), strings.Join(empty, "\n        "))
	}
	samples, err := ours.query(`count by (namespace) (dubbo_provider_requests_total)`)
	fatal(err)
	r.check(len(samples) == 2, "two namespaces with one application stay apart", samples)
	c.kubectl("delete", "-k", "kubernetes/overlays/another-namespace")
}

// empty returns the expressions that have no data, but for those with one of some texts in them. Where an expression keeps only what is
// above 0, the zeros count as data.
func (p *Prometheus) empty(expressions map[string]bool, namespace string, without []string) []string {
	var empty []string
	for expression := range expressions {
		samples, err := p.query(substitute(strings.ReplaceAll(expression, " > 0", ""), namespace))
		known := slices.ContainsFunc(without, func(text string) bool { return strings.Contains(expression, text) })
		if err != nil {
			empty = append(empty, expression+": "+err.Error())
		} else if len(samples) == 0 && !known {
			empty = append(empty, expression)
		}
	}
	slices.Sort(empty)
	return empty
}

func collect(value any, expressions map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		if expression, ok := value["expr"].(string); ok {
			expressions[expression] = true
		}
		for _, inner := range value {
			collect(inner, expressions)
		}
	case []any:
		for _, inner := range value {
			collect(inner, expressions)
		}
	}
}

var variable = regexp.MustCompile(`\$\{?(\w+)(:\w+)?\}?`)

func substitute(expression, namespace string) string {
	return variable.ReplaceAllStringFunc(expression, func(found string) string {
		switch name := variable.FindStringSubmatch(found)[1]; {
		case strings.HasPrefix(name, "__"):
			return "1m"
		case name == "namespace":
			return namespace
		case strings.HasPrefix(name, "quantile"):
			return "0.99"
		default:
			return ".*"
		}
	})
}
