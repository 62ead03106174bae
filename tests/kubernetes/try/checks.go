package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checks in their order; each goes on from where the one before it ended.
var checks = []struct {
	name string
	run  func(*Cluster, *Report)
}{
	{"apply", checkApply},
	{"zookeeper-away", checkZooKeeperAway},
	{"targets", checkTargets},
	{"rollout", checkRollout},
	{"drain", checkDrain},
	{"namespaces", checkNamespaces},
	{"queries", checkQueries},
	{"push", checkPush},
	{"killed-provider", checkKilledProvider},
	{"everything-gone", checkEverythingGone},
	{"ensemble", checkEnsemble},
}

var ours, charts *Prometheus

var changed = regexp.MustCompile(`(?m)^\S+ (configured|created)$`)

// checkApply applies what the README says, in each way, twice. ZooKeeper has no pod yet.
func checkApply(c *Cluster, r *Report) {
	out := c.kubectl("apply", "-f", "kubernetes/")
	r.check(!strings.Contains(out, "Warning"), "apply -f kubernetes/ works without a warning", out)
	out = c.kubectl("apply", "-f", "kubernetes/")
	r.check(!changed.MatchString(out), "applied again, every object is unchanged", out)
	c.kubectl("delete", "-f", "kubernetes/dubboPodMonitor.yaml")
	c.kubectl("-n", "dubbo-system", "scale", "statefulset", "zookeeper", "--replicas=0")
	for _, folder := range []string{"kubernetes/overlays/kube-prometheus", "kubernetes/overlays/helm", "kubernetes"} {
		out, err := c.try("apply", "--dry-run=server", "--validate=strict", "-k", folder)
		r.check(err == nil && !strings.Contains(out, "Warning"), folder+" is accepted strictly, without a warning", out)
	}
	c.kubectl("apply", "-k", "kubernetes/overlays/kube-prometheus")
	before := c.versions()
	out = c.kubectl("apply", "-k", "kubernetes/overlays/kube-prometheus")
	rest := regexp.MustCompile(`(?m)^poddisruptionbudget\S+ configured$`).ReplaceAllString(out, "")
	r.check(!changed.MatchString(rest), "applied again, the overlay says unchanged, but for the budgets", out)
	r.check(before == c.versions(), "and no object of it has a new version", before, c.versions())
	out, err := c.try("apply", "--server-side", "-k", "kubernetes/overlays/kube-prometheus")
	r.check(err == nil && !strings.Contains(out, "Warning"), "apply --server-side after it has no conflict", out)
	before = c.versions()
	c.kubectl("apply", "--server-side", "-k", "kubernetes/overlays/kube-prometheus")
	r.check(before == c.versions(), "applied again server-side, no object has a new version", before, c.versions())
	ours = c.prometheus("k8s", "prometheus-k8s")
	charts = c.prometheus("kube-prometheus-stack-prometheus", "kube-prometheus-stack-prometheus")
}

// versions returns the generations of all objects: what controllers write of the status does not count.
func (c *Cluster) versions() string {
	const kinds = "namespace,role,rolebinding,service,deployment,statefulset,poddisruptionbudget,podmonitor,networkpolicy"
	return c.kubectl("-n", "dubbo-system", "get", kinds, "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.generation} {end}`)
}

// checkZooKeeperAway waits for longer than the startup probes of old allowed.
func checkZooKeeperAway(c *Cluster, r *Report) {
	c.kubectl("-n", "dubbo-system", "scale", "statefulset", "zookeeper", "--replicas=0")
	fired := within(200*time.Second, func() bool { return slices.Contains(ours.firing(), "DubboRegistryDisconnected") })
	r.check(fired, "DubboRegistryDisconnected fires", ours.firing())
	r.check(c.waitAge("app-type=dubbo", 130*time.Second), "pods wait for 130 s")
	r.check(c.restarts("app-type=dubbo") == 0, "no pod was restarted", c.pods())
	missing := c.page("app=dubbo-server", "22222", "/ready")
	r.check(missing == "probe ready: waiting for ZooKeeper at zookeeper:2181", "readiness names what is missing", missing)
	unexpected := without(union(ours.firing(), charts.firing()), "DubboRegistryDisconnected", "DubboZooKeeperDown", "DubboDirectoryEmpty", "DubboNoProvider")
	r.check(len(unexpected) == 0, "nothing else fires", unexpected)
	c.kubectl("-n", "dubbo-system", "scale", "statefulset", "zookeeper", "--replicas=1")
	start := time.Now()
	r.check(c.available(3*time.Minute), "with ZooKeeper every pod is ready", c.pods())
	r.say("%.0f s after ZooKeeper was asked for", time.Since(start).Seconds())
	r.check(c.restarts("app-type=dubbo") == 0, "and none was restarted", c.pods())
}

func checkTargets(c *Cluster, r *Report) {
	must(c.available(3*time.Minute), "every pod is ready")
	for name, prometheus := range map[string]*Prometheus{"kube-prometheus": ours, "the chart": charts} {
		want := map[string]int{"dubbo-system/dubbo-pod-monitor": 3, "dubbo-system/zookeeper": 1}
		up := within(90*time.Second, func() bool {
			return prometheus.up()["dubbo-system/dubbo-pod-monitor"] == 3 && prometheus.up()["dubbo-system/zookeeper"] == 1
		})
		r.check(up, fmt.Sprintf("under %s the targets are up: %v", name, want), prometheus.targets())
		healthy := within(90*time.Second, func() bool {
			rules := prometheus.rules()
			return len(rules) > 20 && !slices.ContainsFunc(rules, func(rule Rule) bool { return rule.Health != "ok" })
		})
		r.check(healthy, fmt.Sprintf("under %s all %d rules are healthy", name, len(prometheus.rules())), prometheus.rules())
	}
	c.kubectl("-n", "dubbo-system", "delete", "rolebinding", "dubbo-pod-discovery")
	// Discovery that runs already goes on until its watch ends: Prometheus begins anew.
	stranger := c.prometheusAgain(ours)
	time.Sleep(20 * time.Second)
	r.check(stranger.up()["dubbo-system/dubbo-pod-monitor"] == 0, "without the RoleBinding nothing is discovered", stranger.up())
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/kube-prometheus")
	back := within(2*time.Minute, func() bool { return stranger.up()["dubbo-system/dubbo-pod-monitor"] == 3 })
	r.check(back, "with it everything is", stranger.up())
	stranger.stopped = true
}

// prometheusAgain starts another Prometheus on the same configuration.
func (c *Cluster) prometheusAgain(like *Prometheus) *Prometheus {
	return c.prometheus(like.resource, "prometheus-k8s")
}

// checkRollout changes the providers under load, and changes them back.
func checkRollout(c *Cluster, r *Report) {
	c.kubectl("-n", "dubbo-system", "set", "env", "deployment/dubbo-server", "ERROR_RATE=0", "QUIET=true")
	c.kubectl("-n", "dubbo-system", "set", "env", "deployment/dubbo-client", "INTERVAL=5ms", "CONCURRENCY=4", "QUIET=true")
	c.rolledOut(r)
	must(c.available(2*time.Minute), "every pod is ready")
	time.Sleep(5 * time.Second)
	calls, failed := c.calls()
	c.kubectl("-n", "dubbo-system", "set", "env", "deployment/dubbo-server", "DELAY=11ms")
	c.rolledOut(r)
	c.kubectl("-n", "dubbo-system", "rollout", "undo", "deployment/dubbo-server")
	c.rolledOut(r)
	time.Sleep(5 * time.Second)
	callsAfter, failedAfter := c.calls()
	r.check(failedAfter == failed && callsAfter > calls, fmt.Sprintf("rollout and rollback: %.0f calls, %.0f failed", callsAfter-calls, failedAfter-failed))
}

func (c *Cluster) rolledOut(r *Report) {
	for _, name := range []string{"dubbo-server", "dubbo-client"} {
		out, err := c.try("-n", "dubbo-system", "rollout", "status", "deployment/"+name, "--timeout=180s")
		if err != nil {
			r.fail(out)
		}
	}
}

// checkDrain empties each node that has a provider, one after the other.
func checkDrain(c *Cluster, r *Report) {
	calls, failed := c.calls()
	client := c.one("app=dubbo-client", "{.spec.nodeName}")
	for _, node := range []string{"node-1", "node-2", "node-3"} {
		// The consumer counts, so it stays.
		if node == client {
			continue
		}
		least := 2
		quit := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for wait(quit, 200*time.Millisecond) {
				least = min(least, c.readyPods("app=dubbo-server"))
			}
		}()
		out, err := c.try("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s")
		close(quit)
		<-done
		r.check(err == nil, node+" is drained", out)
		r.check(least >= 1, fmt.Sprintf("the budget holds: at least %d provider was ready", least))
		must(c.available(3*time.Minute), "every pod is ready again")
		c.kubectl("uncordon", node)
	}
	callsAfter, failedAfter := c.calls()
	r.check(failedAfter == failed && callsAfter > calls, fmt.Sprintf("drains: %.0f calls, %.0f failed", callsAfter-calls, failedAfter-failed))
}

func checkNamespaces(c *Cluster, r *Report) {
	c.kubectl("apply", "-k", "kubernetes/overlays/another-namespace")
	up := within(4*time.Minute, func() bool {
		return ours.up()["shop/dubbo-pod-monitor"] == 3 && charts.up()["shop/dubbo-pod-monitor"] == 3 && ours.up()["shop/zookeeper"] == 1
	})
	r.check(up, "an overlay for another namespace is scraped by both", ours.up(), charts.up())
}

// checkQueries asks every query of the dashboard, with the operator's labels.
func checkQueries(c *Cluster, r *Report) {
	text, err := os.ReadFile(filepath.Join(c.Project, "grafana.json"))
	fatal(err)
	var dashboard any
	fatal(json.Unmarshal(text, &dashboard))
	expressions := map[string]bool{}
	collect(dashboard, expressions)
	time.Sleep(45 * time.Second)
	for _, namespace := range []string{"dubbo-system", "dubbo-system|shop"} {
		var empty []string
		for expression := range expressions {
			samples, err := ours.query(substitute(expression, namespace))
			if err != nil {
				r.fail(expression + ": " + err.Error())
			} else if len(samples) == 0 {
				empty = append(empty, expression)
			}
		}
		slices.Sort(empty)
		// Pushers, native histograms and what has not failed yet have no data here.
		r.say("%d of %d queries have data for %s; without: %s", len(expressions)-len(empty), len(expressions), namespace, strings.Join(empty, "\n        "))
		r.check(len(empty) <= len(expressions)/5, "the dashboard has data for "+namespace)
	}
	samples, err := ours.query(`count by (namespace) (dubbo_provider_requests_total)`)
	fatal(err)
	r.check(len(samples) == 2, "two namespaces with one application stay apart", samples)
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

func checkPush(c *Cluster, r *Report) {
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/push/gateway")
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/push/daemon")
	up := within(3*time.Minute, func() bool {
		return ours.up()["monitoring/pushgateway"] == 1 && ours.up()["dubbo-system/pgw-cleaner"] == 1
	})
	r.check(up, "the cleaner as a daemon is scraped", ours.up())
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
		_, pod := sample.Metric["pod"]
		pushed := map[string]string{"two": "shop"}[sample.Metric["instance"]]
		r.check(!pod && sample.Metric["namespace"] == pushed, "pushed series have the labels that were pushed, and no others", sample)
	}
}

func checkKilledProvider(c *Cluster, r *Report) {
	name := c.one("app=dubbo-server", "{.metadata.name}")
	c.kubelet.kill(name)
	fired := within(4*time.Minute, func() bool {
		return slices.Contains(ours.firing(), "DubboTargetDown") && slices.Contains(charts.firing(), "DubboTargetDown")
	})
	r.check(fired, "DubboTargetDown fires in both installations for a provider that stays down", ours.firing(), charts.firing())
	unexpected := without(union(ours.firing(), charts.firing()), "DubboTargetDown")
	r.check(len(unexpected) == 0, "nothing else fires", unexpected)
	c.kubelet.release(name)
	gone := within(4*time.Minute, func() bool { return len(ours.firing()) == 0 })
	r.check(gone, "it ends when the provider is back", ours.firing())
}

func checkEverythingGone(c *Cluster, r *Report) {
	c.kubectl("-n", "dubbo-system", "scale", "deployment", "dubbo-server", "dubbo-client", "--replicas=0")
	fired := within(10*time.Minute, func() bool { return len(ours.firing()) > 0 })
	r.check(fired, fmt.Sprintf("something fires when everything is gone: %v", ours.firing()))
	c.kubectl("-n", "dubbo-system", "scale", "deployment", "dubbo-server", "--replicas=2")
	c.kubectl("-n", "dubbo-system", "scale", "deployment", "dubbo-client", "--replicas=1")
	must(c.available(3*time.Minute), "every pod is ready again")
}

func checkEnsemble(c *Cluster, r *Report) {
	c.kubectl("-n", "dubbo-system", "delete", "statefulset", "zookeeper")
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/zookeeper-ensemble")
	ready := within(5*time.Minute, func() bool { return c.readyPods("app=zookeeper") == 3 })
	r.check(ready, "three ZooKeepers find each other", c.pods())
	must(c.available(3*time.Minute), "every pod is ready")
	calls, failed := c.calls()
	c.kubectl("-n", "dubbo-system", "delete", "pod", "zookeeper-3")
	time.Sleep(20 * time.Second)
	callsAfter, failedAfter := c.calls()
	r.check(failedAfter == failed && callsAfter > calls, fmt.Sprintf("one leaves: %.0f calls, %.0f failed", callsAfter-calls, failedAfter-failed))
	r.check(within(2*time.Minute, func() bool { return c.readyPods("app=zookeeper") == 3 }), "and comes back", c.pods())
}

// kill ends a pod's container and keeps it down.
func (k *Kubelet) kill(name string) {
	k.mutex.Lock()
	k.held[name] = true
	var container *Container
	for _, pod := range k.pods {
		if pod.spec.Name == name {
			container = pod.container
		}
	}
	k.mutex.Unlock()
	if container != nil {
		container.kill()
	}
}

func (k *Kubelet) release(name string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.held, name)
}

func (c *Cluster) pods() string { return c.kubectl("get", "pods", "-A", "-o", "wide") }

// one returns a field of the first pod with a label.
func (c *Cluster) one(selector, field string) string {
	return strings.Fields(c.kubectl("get", "pods", "-A", "-l", selector, "--field-selector=status.phase=Running", "-o", "jsonpath={range .items[?(@.metadata.namespace!=\"shop\")]}"+field+" {end}"))[0]
}

func (c *Cluster) restarts(selector string) int {
	sum := 0
	for _, count := range strings.Fields(c.kubectl("-n", "dubbo-system", "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].status.containerStatuses[0].restartCount}")) {
		number, err := strconv.Atoi(count)
		fatal(err)
		sum += number
	}
	return sum
}

func (c *Cluster) readyPods(selector string) int {
	out := c.kubectl("-n", "dubbo-system", "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].status.containerStatuses[0].ready}")
	return strings.Count(out, "true")
}

// waitAge waits until the pods are that old.
func (c *Cluster) waitAge(selector string, age time.Duration) bool {
	return within(age+time.Minute, func() bool {
		created := strings.Fields(c.kubectl("-n", "dubbo-system", "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.creationTimestamp}"))
		for _, text := range created {
			if at, err := time.Parse(time.RFC3339, text); err != nil || time.Since(at) < age {
				return false
			}
		}
		return len(created) > 0
	})
}

// available waits for all replicas of everything in dubbo-system.
func (c *Cluster) available(limit time.Duration) bool {
	return within(limit, func() bool {
		out := c.kubectl("-n", "dubbo-system", "get", "deployments,statefulsets", "-o", "jsonpath={range .items[*]}{.spec.replicas}/{.status.readyReplicas} {end}")
		for _, pair := range strings.Fields(out) {
			want, have, _ := strings.Cut(pair, "/")
			if want != have && !(want == "0" && have == "") {
				return false
			}
		}
		return true
	})
}

func (c *Cluster) page(selector, port, path string) string {
	address := c.one(selector, "{.status.podIP}")
	return shell("curl -s http://" + address + ":" + port + path)
}

// calls returns what the consumer counted: calls that have ended, and those of them that failed.
func (c *Cluster) calls() (total, failed float64) {
	scanner := bufio.NewScanner(strings.NewReader(c.page("app=dubbo-client", "9097", "/prometheus")))
	for scanner.Scan() {
		name, _, _ := strings.Cut(scanner.Text(), "{")
		value, err := strconv.ParseFloat(scanner.Text()[strings.LastIndex(scanner.Text(), " ")+1:], 64)
		switch {
		case err != nil:
		case name == "dubbo_consumer_requests_total":
			total += value
		case name == "dubbo_consumer_requests_failed_total":
			failed += value
		}
	}
	return total, failed
}

func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(list, func(name string) bool { return slices.Contains(names, name) })
}
