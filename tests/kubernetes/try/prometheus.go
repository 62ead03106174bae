package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Prometheus runs on what the operator writes for one Prometheus resource, with that one's service account.
type Prometheus struct {
	cluster         *Cluster
	resource, name  string
	folder, address string
	known           string
	container       *Container
	stopped         bool
}

var networks = 0

func (c *Cluster) prometheus(resource, account string) *Prometheus {
	networks++
	name := fmt.Sprintf("prometheus-%s-%d", resource, networks)
	p := &Prometheus{cluster: c, resource: resource, name: name, folder: c.file(fmt.Sprintf("prometheus/%d-%s", networks, resource)), address: fmt.Sprintf("10.244.0.%d", 10+networks)}
	for _, folder := range []string{"etc/config_out", "etc/rules", "etc/certs", "account", "data"} {
		fatal(os.MkdirAll(filepath.Join(p.folder, folder), 0o755))
	}
	fatal(os.Chmod(filepath.Join(p.folder, "data"), 0o777))
	token := strings.TrimSpace(c.kubectl("-n", "monitoring", "create", "token", account, "--duration=2h"))
	authority, err := os.ReadFile(c.file("certs/apiserver.crt"))
	fatal(err)
	for name, content := range map[string]string{"token": token, "ca.crt": string(authority), "namespace": "monitoring"} {
		fatal(os.WriteFile(filepath.Join(p.folder, "account", name), []byte(content), 0o644))
	}
	must(within(time.Minute, p.sync), "the operator writes a configuration for "+resource)
	network := fmt.Sprintf("prom%d", networks)
	makeNetwork(network, p.address)
	p.container, err = c.launch(Launch{
		network: network, name: name, namespace: "monitoring", uid: 65534, readOnly: true,
		environment: []string{"KUBERNETES_SERVICE_HOST=" + host, "KUBERNETES_SERVICE_PORT=6443"},
		mounts: map[string]string{
			c.Tools: "/image", filepath.Join(p.folder, "etc"): "/etc/prometheus", filepath.Join(p.folder, "data"): "/data",
			filepath.Join(p.folder, "account"): "/run/secrets/kubernetes.io/serviceaccount",
		},
		command: []string{"/image/prometheus", "--config.file=/etc/prometheus/config_out/prometheus.env.yaml", "--storage.tsdb.path=/data", "--web.enable-lifecycle"},
	})
	fatal(err)
	must(within(time.Minute, func() bool { _, err := p.get("/-/ready"); return err == nil }), "Prometheus is ready")
	go func() {
		for !p.stopped {
			time.Sleep(time.Second)
			p.sync()
		}
	}()
	return p
}

// stop ends it.
func (p *Prometheus) stop() {
	p.stopped = true
	p.container.stop(10 * time.Second)
}

// sync writes what the operator says, as its config-reloader would, and returns whether there is anything.
func (p *Prometheus) sync() bool {
	secret, err := p.cluster.try("-n", "monitoring", "get", "secret", "prometheus-"+p.resource, "-o", `jsonpath={.data.prometheus\.yaml\.gz}`)
	if err != nil || secret == "" {
		return false
	}
	packed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret))
	fatal(err)
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	fatal(err)
	config, err := io.ReadAll(reader)
	fatal(err)
	text := strings.NewReplacer("$(POD_NAME)", "prometheus-"+p.resource+"-0", "$(SHARD)", "0").Replace(string(config))
	maps, err := p.cluster.try("-n", "monitoring", "get", "configmaps", "-l", "prometheus-name="+p.resource, "-o", "json")
	if err != nil {
		return false
	}
	assets, err := p.cluster.try("-n", "monitoring", "get", "secret", "prometheus-"+p.resource+"-tls-assets-0", "-o", "json")
	if err != nil {
		return false
	}
	if text+maps+assets == p.known {
		return true
	}
	var authorities struct{ Data map[string][]byte }
	fatal(json.Unmarshal([]byte(assets), &authorities))
	for name, content := range authorities.Data {
		fatal(os.WriteFile(filepath.Join(p.folder, "etc/certs", name), content, 0o644))
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
	}
	fatal(json.Unmarshal([]byte(maps), &list))
	for _, one := range list.Items {
		folder := filepath.Join(p.folder, "etc/rules", one.Metadata.Name)
		fatal(os.RemoveAll(folder))
		fatal(os.MkdirAll(folder, 0o755))
		for name, content := range one.Data {
			fatal(os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644))
		}
	}
	fatal(os.WriteFile(filepath.Join(p.folder, "etc/config_out/prometheus.env.yaml"), []byte(text), 0o644))
	if p.container != nil {
		answer, err := http.Post("http://"+p.address+":9090/-/reload", "", nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			return false
		}
	}
	p.known = text + maps + assets
	return true
}

func (p *Prometheus) get(path string) ([]byte, error) {
	answer, err := http.Get("http://" + p.address + ":9090" + path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return body, err
}

// Sample is one series of an answer.
type Sample struct {
	Metric map[string]string
	Value  []any
}

func (p *Prometheus) query(expression string) ([]Sample, error) {
	body, err := p.get("/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	if answer.Data.ResultType != "vector" {
		return []Sample{{}}, nil
	}
	var samples []Sample
	return samples, json.Unmarshal(answer.Data.Result, &samples)
}

// Target is what Prometheus scrapes.
type Target struct {
	Labels     map[string]string
	Health     string
	LastError  string
	ScrapePool string

	ScrapeInterval string
	ScrapeURL      string `json:"scrapeUrl"`
}

func (p *Prometheus) targets() []Target {
	body, err := p.get("/api/v1/targets?state=active")
	fatal(err)
	var answer struct {
		Data struct{ ActiveTargets []Target }
	}
	fatal(json.Unmarshal(body, &answer))
	return answer.Data.ActiveTargets
}

// up counts the targets that are up, by job.
func (p *Prometheus) up() map[string]int {
	counts := map[string]int{}
	for _, target := range p.targets() {
		if target.Health == "up" {
			counts[target.Labels["job"]]++
		}
	}
	return counts
}

// Rule is a rule as Prometheus runs it.
type Rule struct{ Name, Health, LastError, Type string }

func (p *Prometheus) rules() []Rule {
	body, err := p.get("/api/v1/rules")
	fatal(err)
	var answer struct {
		Data struct{ Groups []struct{ Rules []Rule } }
	}
	fatal(json.Unmarshal(body, &answer))
	var rules []Rule
	for _, group := range answer.Data.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// Alert is an alert that is pending or fires, by its labels.
type Alert struct {
	State  string
	Labels map[string]string
}

func (p *Prometheus) alerts() []Alert {
	body, err := p.get("/api/v1/alerts")
	fatal(err)
	var answer struct{ Data struct{ Alerts []Alert } }
	fatal(json.Unmarshal(body, &answer))
	return answer.Data.Alerts
}

// firingFor returns the values of a label for which an alert fires, each once.
func (p *Prometheus) firingFor(name, label string) []string {
	var values []string
	for _, alert := range p.alerts() {
		if alert.State == "firing" && alert.Labels["alertname"] == name {
			values = append(values, alert.Labels[label])
		}
	}
	return union(values)
}

// firing returns the names of the alerts that fire, each once.
func (p *Prometheus) firing() []string {
	var names []string
	for _, alert := range p.alerts() {
		// The watchdog fires always: its silence is the alarm.
		if name := alert.Labels["alertname"]; alert.State == "firing" && name != "DubboWatchdog" {
			names = append(names, name)
		}
	}
	return union(names)
}
