package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// checkTLS applies the overlay with TLS and goes back: calls and scrapes work with it, and a port of TLS takes nothing else.
func checkTLS(c *Cluster, r *Report) {
	c.watch()
	command := exec.Command(filepath.Join(c.Project, "kubernetes/components/tls/certificates.sh"))
	command.Env = append(os.Environ(), "KUBECONFIG="+c.file("kubeconfig"))
	out, err := command.CombinedOutput()
	r.check(err == nil && strings.Contains(string(out), "secret/dubbo-client-tls created"), "certificates.sh makes the Secrets", string(out))
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/tls")
	c.rolledOut(r)
	must(c.available(3*time.Minute), "every pod is ready with TLS")
	secured := func() int {
		count := 0
		for _, target := range ours.targets() {
			if target.Labels["job"] == "dubbo-system/dubbo-pod-monitor" && target.Health == "up" && strings.HasPrefix(target.ScrapeURL, "https://") {
				count++
			}
		}
		return count
	}
	r.check(within(3*time.Minute, func() bool { return secured() == 3 }), "three targets are up over https", ours.targets())
	// The consumer shows its certificate and calls by the name that providers have in theirs.
	const calls = `sum(rate(dubbo_consumer_requests_succeed_total{namespace="dubbo-system",job="dubbo-system/dubbo-pod-monitor"}[1m])) > 0`
	var samples []Sample
	called := within(3*time.Minute, func() bool {
		samples, _ = ours.query(calls)
		return len(samples) == 1
	})
	r.check(called, "calls succeed over TLS", samples)
	address := c.one("app=dubbo-server", "{.status.podIP}")
	health := "/grpc.health.v1.Health/Check"
	refused := shell("curl -sk -o /dev/null -w '%{http_code}' -X POST https://" + address + ":20000" + health + " || echo refused")
	r.check(strings.Contains(refused, "refused"), "a caller without a certificate is refused", refused)
	c.kubectl("apply", "--server-side", "--force-conflicts", "-k", "kubernetes/overlays/kube-prometheus")
	c.rolledOut(r)
	must(c.available(3*time.Minute), "every pod is ready without TLS")
	plain := within(3*time.Minute, func() bool { return secured() == 0 && ours.up()["dubbo-system/dubbo-pod-monitor"] == 3 })
	r.check(plain, "without the overlay all is plain again", ours.targets())
}
