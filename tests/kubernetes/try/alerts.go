package main

import (
	"fmt"
	"slices"
	"time"
)

// checkZooKeeperAway starts the processes without ZooKeeper and waits for longer than startup probes would.
func checkZooKeeperAway(c *Cluster, r *Report) {
	c.kubectl("-n", "dubbo-system", "scale", "statefulset", "zookeeper", "--replicas=0")
	must(within(time.Minute, func() bool { return c.count("app=zookeeper") == 0 }), "ZooKeeper is gone")
	c.kubectl("-n", "dubbo-system", "delete", "pods", "-l", "app-type=dubbo")
	c.watch()
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
	r.silent("the alert ends")
}

// checkKilledProvider ends one provider's process, and keeps it down.
func checkKilledProvider(c *Cluster, r *Report) {
	c.watch()
	must(c.available(3*time.Minute), "every pod is ready")
	name := c.one("app=dubbo-server", "{.metadata.name}")
	c.kubelet.kill(name)
	fired := within(4*time.Minute, func() bool {
		return slices.Contains(ours.firing(), "DubboTargetDown") && slices.Contains(charts.firing(), "DubboTargetDown")
	})
	r.check(fired, "DubboTargetDown fires in both installations for a provider that stays down", ours.firing(), charts.firing())
	unexpected := without(union(ours.firing(), charts.firing()), "DubboTargetDown")
	r.check(len(unexpected) == 0, "nothing else fires", unexpected)
	c.kubelet.release(name)
	r.silent("it ends when the provider is back")
}

// checkEverythingGone takes all processes away; others of the same names run on in no other namespace.
func checkEverythingGone(c *Cluster, r *Report) {
	c.watch()
	must(c.available(3*time.Minute), "every pod is ready")
	c.kubectl("-n", "dubbo-system", "scale", "deployment", "dubbo-server", "dubbo-client", "--replicas=0")
	for name, prometheus := range installations() {
		want := []string{"dubbo-rust-client", "dubbo-rust-server"}
		fired := within(6*time.Minute, func() bool {
			return slices.Equal(prometheus.firingFor("DubboApplicationGone", "application_name"), want)
		})
		r.check(fired, fmt.Sprintf("under %s DubboApplicationGone fires for %v", name, want), prometheus.alerts())
	}
	// The consumer's rate of calls falls over five minutes, with no provider.
	unexpected := without(union(ours.firing(), charts.firing()), "DubboApplicationGone", "DubboNoProvider")
	r.check(len(unexpected) == 0, "nothing else fires", unexpected)
	c.kubectl("-n", "dubbo-system", "scale", "deployment", "dubbo-server", "--replicas=2")
	c.kubectl("-n", "dubbo-system", "scale", "deployment", "dubbo-client", "--replicas=1")
	must(c.available(3*time.Minute), "every pod is ready again")
	r.silent("they end when the processes are back")
}

func installations() map[string]*Prometheus {
	return map[string]*Prometheus{"kube-prometheus": ours, "the chart": charts}
}

// silent waits until no alert fires, but for those given.
func (r *Report) silent(promise string, but ...string) {
	firing := func() []string { return without(union(ours.firing(), charts.firing()), but...) }
	r.check(within(6*time.Minute, func() bool { return len(firing()) == 0 }), promise, firing())
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

// release lets a pod's container start again.
func (k *Kubelet) release(name string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.held, name)
}
