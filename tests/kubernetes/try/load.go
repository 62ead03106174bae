package main

import (
	"fmt"
	"time"
)

// counted runs a change under load and checks that calls went on and none failed.
func (c *Cluster) counted(r *Report, what string, change func()) {
	calls, failed := c.calls()
	change()
	// The last change has its consequences while calls go on.
	must(within(time.Minute, func() bool { now, _ := c.calls(); return now > calls+200 }), "the consumer calls")
	time.Sleep(5 * time.Second)
	callsAfter, failedAfter := c.calls()
	r.check(failedAfter == failed && callsAfter > calls, fmt.Sprintf("%s: %.0f calls, %.0f failed", what, callsAfter-calls, failedAfter-failed))
}

// load makes the consumer call without a pause, and the providers answer without errors.
func (c *Cluster) load(r *Report) {
	c.kubectl("-n", "dubbo-system", "set", "env", "deployment/dubbo-server", "ERROR_RATE=0", "QUIET=true")
	c.kubectl("-n", "dubbo-system", "set", "env", "deployment/dubbo-client", "INTERVAL=5ms", "CONCURRENCY=4", "QUIET=true")
	c.rolledOut(r)
	must(c.available(3*time.Minute), "every pod is ready")
}

// checkRollout changes the providers under load, and changes them back.
func checkRollout(c *Cluster, r *Report) {
	c.load(r)
	c.counted(r, "rollout and rollback", func() {
		c.kubectl("-n", "dubbo-system", "set", "env", "deployment/dubbo-server", "DELAY=11ms")
		c.rolledOut(r)
		c.kubectl("-n", "dubbo-system", "rollout", "undo", "deployment/dubbo-server")
		c.rolledOut(r)
	})
}

func (c *Cluster) rolledOut(r *Report) {
	for _, name := range []string{"dubbo-server", "dubbo-client"} {
		out, err := c.try("-n", "dubbo-system", "rollout", "status", "deployment/"+name, "--timeout=300s")
		if err != nil {
			r.fail(out)
		}
	}
}

// checkDrain empties each node that has a provider, one after the other.
func checkDrain(c *Cluster, r *Report) {
	c.load(r)
	client := c.one("app=dubbo-client", "{.spec.nodeName}")
	c.counted(r, "drains", func() {
		for _, node := range []string{"node-1", "node-2", "node-3"} {
			// The consumer counts, so it stays.
			if node != client {
				c.drain(r, node)
			}
		}
	})
}

// drain empties a node and watches the providers meanwhile.
func (c *Cluster) drain(r *Report, node string) {
	least := 2
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for wait(quit, 200*time.Millisecond) {
			least = min(least, c.readyPods("app=dubbo-server"))
		}
	}()
	out, err := c.try("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
	close(quit)
	<-done
	r.check(err == nil, node+" is drained", out)
	r.check(least >= 1, fmt.Sprintf("the budget holds: never fewer than %d ready providers", least))
	must(c.available(3*time.Minute), "every pod is ready again")
	c.kubectl("uncordon", node)
}
