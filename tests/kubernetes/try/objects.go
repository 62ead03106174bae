package main

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

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

// count returns how many pods have a label.
func (c *Cluster) count(selector string) int {
	return len(strings.Fields(c.kubectl("-n", "dubbo-system", "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")))
}

// calls returns what the consumer counted: calls that have ended, and those of them that failed.
func (c *Cluster) calls() (total, failed float64) {
	total = c.sum("app=dubbo-client", "9097", "dubbo_consumer_requests_total")
	return total, c.sum("app=dubbo-client", "9097", "dubbo_consumer_requests_failed_total")
}

func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(list, func(name string) bool { return slices.Contains(names, name) })
}
