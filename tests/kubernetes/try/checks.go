package main

// checks in their order: each continues from the state that the one before it leaves.
var checks = []struct {
	name string
	run  func(*Cluster, *Report)
}{
	{"apply", checkApply},
	{"zookeeper-away", checkZooKeeperAway},
	{"targets", checkTargets},
	{"killed-provider", checkKilledProvider},
	{"everything-gone", checkEverythingGone},
	{"rollout", checkRollout},
	{"drain", checkDrain},
	{"autoscaling", checkAutoscaling},
	{"namespaces", checkNamespaces},
	{"chart", checkChart},
	{"push", checkPush},
	{"queries", checkQueries},
	{"tls", checkTLS},
	{"claim", checkClaim},
	{"ensemble", checkEnsemble},
}

// The Prometheus of each installation: kube-prometheus' and the chart's.
var ours, charts *Prometheus

// watch starts both, unless they run already. Pods that ended before are not known to them.
func (c *Cluster) watch() {
	if ours == nil {
		ours = c.prometheus("k8s", "prometheus-k8s")
		charts = c.prometheus("kube-prometheus-stack-prometheus", "kube-prometheus-stack-prometheus")
	}
}
