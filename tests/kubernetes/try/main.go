// Runs the manifests of ../../../kubernetes on a real API server, with real controllers, scheduler, operator and Prometheus, and a
// small kubelet that makes each pod in a network namespace. ../../../kubernetes/try.sh builds what it needs and starts it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	project := flag.String("project", ".", "the project's top folder")
	tools := flag.String("tools", "", "the folder with kubernetes, prometheus, prometheus-operator, crds and zookeeper")
	programs := flag.String("programs", "", "the folder with server, client and pgw-cleaner")
	work := flag.String("work", "", "an empty folder for what the servers write")
	flag.Parse()

	cluster := &Cluster{Project: *project, Tools: *tools, Programs: *programs, Work: *work}
	report := &Report{start: time.Now()}
	defer report.end()
	defer func() {
		if fault := recover(); fault != nil {
			report.fail(fmt.Sprint(fault))
		}
	}()
	cluster.start()
	report.say("API server %s, controllers, scheduler and operator are up", cluster.version())
	for _, check := range checks {
		if flag.NArg() > 0 && !chosen(check.name, flag.Args()) {
			continue
		}
		report.begin(check.name)
		check.run(cluster, report)
	}
}

func chosen(name string, names []string) bool {
	for _, one := range names {
		if strings.HasPrefix(name, one) {
			return true
		}
	}
	return false
}

// Report counts what held and what did not.
type Report struct {
	start          time.Time
	name           string
	passed, failed int
}

func (r *Report) begin(name string) {
	r.name = name
	fmt.Printf("\n%s\n", name)
}

func (r *Report) say(format string, values ...any) {
	fmt.Printf("%5.0fs  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, values...))
}

func (r *Report) fail(text string) {
	r.failed++
	r.say("FAILED %s: %s", r.name, text)
}

// check counts one promise; details are shown when it does not hold.
func (r *Report) check(holds bool, promise string, details ...any) {
	if holds {
		r.passed++
		r.say("ok     %s", promise)
		return
	}
	r.fail(strings.TrimSpace(promise + "\n" + fmt.Sprint(details...)))
}

func (r *Report) end() {
	fmt.Printf("\n%d passed, %d failed, %.0f s\n", r.passed, r.failed, time.Since(r.start).Seconds())
	if r.failed > 0 {
		os.Exit(1)
	}
}

// within asks until the answer is yes, and returns whether it was in time.
func within(limit time.Duration, condition func() bool) bool {
	for end := time.Now().Add(limit); ; {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(500 * time.Millisecond)
	}
}
