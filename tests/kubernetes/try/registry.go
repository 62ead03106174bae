package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// checkClaim moves the single ZooKeeper to another node: what it knew moves with its claim.
func checkClaim(c *Cluster, r *Report) {
	must(c.available(3*time.Minute), "every pod is ready")
	claims := strings.Fields(c.kubectl("-n", "dubbo-system", "get", "persistentvolumeclaims", "-o", "jsonpath={.items[*].metadata.name}"))
	r.check(fmt.Sprint(claims) == "[data-zookeeper-0]", "ZooKeeper has one claim", claims)
	volume := strings.TrimSpace(c.kubectl("-n", "dubbo-system", "get", "persistentvolumeclaim", "data-zookeeper-0", "-o", "jsonpath={.spec.volumeName}"))
	folder := c.file("volumes/" + strings.TrimPrefix(volume, "volume-"))
	snapshots, _ := filepath.Glob(folder + "/data/version-2/snapshot.*")
	logs, _ := filepath.Glob(folder + "/datalog/version-2/log.*")
	r.check(len(snapshots) > 0 && len(logs) > 0, "snapshots and transactions are both on it", snapshots, logs)
	before := c.transaction("zookeeper-0")
	node := c.one("app=zookeeper", "{.spec.nodeName}")
	c.kubectl("cordon", node)
	c.kubectl("-n", "dubbo-system", "delete", "pod", "zookeeper-0")
	must(within(3*time.Minute, func() bool { return c.readyPods("app=zookeeper") == 1 }), "ZooKeeper is ready again")
	c.kubectl("uncordon", node)
	r.check(c.one("app=zookeeper", "{.spec.nodeName}") != node, "ZooKeeper moves to another node", c.pods())
	after := c.transaction("zookeeper-0")
	r.check(before > 0 && after >= before, fmt.Sprintf("it continues after transaction %#x with %#x", before, after))
	registered := within(2*time.Minute, func() bool { return c.registered() == 2 && c.available(time.Second) })
	r.check(registered, "both providers are registered", c.registered())
}

// checkEnsemble goes from one ZooKeeper to three, restarts each of the three, and takes one away.
func checkEnsemble(c *Cluster, r *Report) {
	c.kubectl("-n", "dubbo-system", "delete", "statefulset", "zookeeper")
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/zookeeper-ensemble")
	ready := within(5*time.Minute, func() bool { return c.readyPods("app=zookeeper") == 3 })
	r.check(ready, "three ZooKeepers find each other", c.pods())
	c.load(r)
	must(within(2*time.Minute, func() bool { return c.registered() == 2 }), "both providers are registered")
	sessions := c.sessions()
	least := 2
	c.counted(r, "each of three ZooKeepers restarts", func() {
		quit, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for wait(quit, 200*time.Millisecond) {
				least = min(least, c.known())
			}
		}()
		c.kubectl("-n", "dubbo-system", "rollout", "restart", "statefulset/zookeeper")
		out, err := c.try("-n", "dubbo-system", "rollout", "status", "statefulset/zookeeper", "--timeout=300s")
		r.check(err == nil, "the overlay of three rolls", out)
		close(quit)
		<-done
	})
	r.check(least == 2, "the consumer knows two providers at all times", least)
	r.check(c.sessions() == sessions, "no session was lost, so no registration was", sessions, "\n", c.sessions())
	r.check(c.registered() == 2, "both providers are registered", c.registered())
	c.counted(r, "one ZooKeeper leaves", func() {
		c.kubectl("-n", "dubbo-system", "delete", "pod", "zookeeper-3")
		r.check(within(3*time.Minute, func() bool { return c.readyPods("app=zookeeper") == 3 }), "it comes back", c.pods())
	})
	r.check(c.sessions() == sessions, "no session was lost", sessions, "\n", c.sessions())
}

// transaction returns the number of the last transaction that a ZooKeeper knows.
func (c *Cluster) transaction(pod string) uint64 {
	address := strings.TrimSpace(c.kubectl("-n", "dubbo-system", "get", "pod", pod, "-o", "jsonpath={.status.podIP}"))
	socket, err := net.DialTimeout("tcp", address+":2181", 5*time.Second)
	fatal(err)
	defer func() { _ = socket.Close() }()
	fatal(socket.SetDeadline(time.Now().Add(5 * time.Second)))
	_, err = socket.Write([]byte("srvr"))
	fatal(err)
	answer, err := io.ReadAll(socket)
	fatal(err)
	for _, line := range strings.Split(string(answer), "\n") {
		if text, ok := strings.CutPrefix(line, "Zxid: 0x"); ok {
			number, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			fatal(err)
			return number
		}
	}
	return 0
}

// registered returns how many providers are connected to the registry.
func (c *Cluster) registered() int {
	return int(c.sum("app=dubbo-server", "9099", "dubbo_registry_connected"))
}

// known returns how many providers the consumer can call.
func (c *Cluster) known() int {
	return int(c.sum("app=dubbo-client", "9097", "dubbo_registry_directory_num_valid_total"))
}

// sessions returns how many sessions each process has had.
func (c *Cluster) sessions() string {
	providers := c.sum("app=dubbo-server", "9099", "dubbo_registry_sessions_total")
	consumers := c.sum("app=dubbo-client", "9097", "dubbo_registry_sessions_total")
	return fmt.Sprintf("providers %.0f, consumers %.0f", providers, consumers)
}

// sum adds a metric of all pods with a label in dubbo-system.
func (c *Cluster) sum(selector, port, name string) float64 {
	total := 0.0
	for _, address := range strings.Fields(c.kubectl("-n", "dubbo-system", "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].status.podIP}")) {
		scanner := bufio.NewScanner(strings.NewReader(shell("curl -s http://" + address + ":" + port + "/prometheus")))
		for scanner.Scan() {
			if family, _, _ := strings.Cut(scanner.Text(), "{"); family == name {
				value, err := strconv.ParseFloat(scanner.Text()[strings.LastIndex(scanner.Text(), " ")+1:], 64)
				fatal(err)
				total += value
			}
		}
	}
	return total
}

// log returns what a Prometheus has written.
func (p *Prometheus) log() string {
	text, err := os.ReadFile(p.cluster.file("pods/monitoring." + p.name + ".log"))
	fatal(err)
	return string(text)
}
