package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var changed = regexp.MustCompile(`(?m)^\S+ (configured|created)$`)

// checkApply applies what the README says, in each way, twice.
func checkApply(c *Cluster, r *Report) {
	out := c.kubectl("apply", "-f", "kubernetes/")
	r.check(!strings.Contains(out, "Warning"), "apply -f kubernetes/ works without a warning", out)
	out = c.kubectl("apply", "-f", "kubernetes/")
	r.check(!changed.MatchString(out), "applied again, every object is unchanged", out)
	c.kubectl("delete", "-f", "kubernetes/dubboPodMonitor.yaml")
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
}

// versions returns the generations of all objects: what controllers write of the status does not count.
func (c *Cluster) versions() string {
	const kinds = "namespace,role,rolebinding,service,deployment,statefulset,poddisruptionbudget,podmonitor,networkpolicy"
	return c.kubectl("-n", "dubbo-system", "get", kinds, "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.generation} {end}`)
}

// checkNamespaces applies the overlay for another namespace beside the first one.
func checkNamespaces(c *Cluster, r *Report) {
	c.watch()
	c.kubectl("apply", "-k", "kubernetes/overlays/another-namespace")
	up := within(4*time.Minute, func() bool {
		return ours.up()["shop/dubbo-pod-monitor"] == 3 && charts.up()["shop/dubbo-pod-monitor"] == 3 && ours.up()["shop/zookeeper"] == 1
	})
	r.check(up, "an overlay for another namespace is scraped by both", ours.up(), charts.up())
}

// checkChart installs the Helm chart in a namespace of its own, upgrades it and removes it.
func checkChart(c *Cluster, r *Report) {
	c.watch()
	helm := func(arguments ...string) (string, error) {
		command := exec.Command(filepath.Join(c.Tools, "helm"), append(arguments, "--kubeconfig", c.file("kubeconfig"), "--namespace", "charted")...)
		command.Dir = c.Project
		out, err := command.CombinedOutput()
		return string(out), err
	}
	c.kubectl("create", "namespace", "charted")
	c.kubectl("label", "namespace", "charted", "pod-security.kubernetes.io/enforce=restricted")
	// Rules and dashboard are in the cluster already.
	out, err := helm("install", "dubbo", "kubernetes/chart", "--set", "rules=false,dashboard=false", "--wait", "--timeout=4m")
	r.check(err == nil && strings.Contains(out, "STATUS: deployed"), "helm install brings every pod up", out)
	up := within(3*time.Minute, func() bool {
		return charts.up()["charted/dubbo-pod-monitor"] == 3 && charts.up()["charted/zookeeper"] == 1
	})
	r.check(up, "the Prometheus of kube-prometheus-stack scrapes them", charts.up())
	out, err = helm("upgrade", "dubbo", "kubernetes/chart", "--reuse-values", "--set", "server.replicas=3,server.env.DELAY=11ms", "--wait", "--timeout=4m")
	r.check(err == nil && strings.Contains(out, "REVISION: 2"), "helm upgrade changes the providers", out)
	r.check(within(3*time.Minute, func() bool { return charts.up()["charted/dubbo-pod-monitor"] == 4 }), "three providers and a consumer are scraped", charts.up())
	out, err = helm("uninstall", "dubbo", "--wait", "--timeout=4m")
	r.check(err == nil, "helm uninstall removes them", out)
	c.kubectl("delete", "namespace", "charted", "--wait=false")
}
