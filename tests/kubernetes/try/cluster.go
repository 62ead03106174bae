package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The address of the bridge between all pods; the API server and the DNS server listen there.
const host = "10.244.0.1"

const api = "https://" + host + ":6443"

// Cluster is a control plane with its nodes. It lives in a network, mount and process namespace of its own, which try.sh makes:
// when that ends, everything in it does.
type Cluster struct {
	Project, Tools, Programs, Work string

	client  *kubernetes.Clientset
	kubelet *Kubelet
}

func (c *Cluster) start() {
	c.network()
	c.credentials()
	c.daemon("etcd", "etcd", "--data-dir", c.file("etcd"), "--unsafe-no-fsync")
	program := filepath.Join(c.Tools, "kubernetes")
	c.daemon("kube-apiserver", program, "kube-apiserver",
		"--etcd-servers", "http://127.0.0.1:2379", "--cert-dir", c.file("certs"), "--secure-port", "6443",
		"--bind-address", "0.0.0.0", "--advertise-address", host,
		"--service-account-key-file", c.file("sa.pub"), "--service-account-signing-key-file", c.file("sa.key"),
		"--service-account-issuer", "https://kubernetes.default.svc", "--authorization-mode", "RBAC",
		"--token-auth-file", c.file("tokens.csv"), "--service-cluster-ip-range", "10.96.0.0/16",
		// To other API servers without kube-proxy.
		"--enable-aggregator-routing")
	must(within(3*time.Minute, func() bool {
		answer, err := c.try("get", "--raw", "/readyz")
		return err == nil && strings.TrimSpace(answer) == "ok"
	}), "the API server is ready")
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host: api, BearerToken: "admin", QPS: 200, Burst: 400,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true},
	})
	fatal(err)
	c.client = client
	c.daemon("kube-controller-manager", program, "kube-controller-manager", "--kubeconfig", c.file("kubeconfig"),
		"--leader-elect=false", "--authentication-skip-lookup", "--cert-dir", c.file("certs"),
		"--service-account-private-key-file", c.file("sa.key"), "--root-ca-file", c.file("certs/apiserver.crt"),
		// Nodes have no kubelet that renews a lease.
		"--controllers", "*,-node-lifecycle-controller")
	c.daemon("kube-scheduler", program, "kube-scheduler", "--kubeconfig", c.file("kubeconfig"), "--leader-elect=false",
		"--authentication-skip-lookup", "--cert-dir", c.file("certs"))
	c.kubelet = &Kubelet{cluster: c}
	c.nodes()
	c.kubelet.start()
	serveNames(c.client)
	c.kubectl("create", "namespace", "monitoring")
	c.kubectl("apply", "--server-side", "-f", filepath.Join(c.Tools, "crds"))
	c.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	for _, installation := range []string{"kube-prometheus", "helm"} {
		c.kubectl("apply", "-f", filepath.Join(c.Project, "tests/kubernetes/installations", installation+".yaml"))
	}
	c.account()
	c.daemon("prometheus-operator", filepath.Join(c.Tools, "prometheus-operator"))
}

// network makes the bridge that pods are on.
func (c *Cluster) network() {
	fatal(os.MkdirAll("/run/netns", 0o755))
	run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
	run("ip", "link", "set", "lo", "up")
	run("ip", "link", "add", "br0", "type", "bridge")
	run("ip", "addr", "add", host+"/16", "dev", "br0")
	run("ip", "link", "set", "br0", "up")
}

func (c *Cluster) credentials() {
	run("openssl", "genrsa", "-out", c.file("sa.key"), "2048")
	run("openssl", "rsa", "-in", c.file("sa.key"), "-pubout", "-out", c.file("sa.pub"))
	fatal(os.WriteFile(c.file("tokens.csv"), []byte("admin,admin,admin,system:masters\n"), 0o600))
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: try, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin}}]
contexts: [{name: try, context: {cluster: try, user: admin}}]
current-context: try
`, api)
	fatal(os.WriteFile(c.file("kubeconfig"), []byte(config), 0o600))
}

// account gives the operator what a pod would find: the address of the API server, a token, and the authority.
func (c *Cluster) account() {
	const folder = "/run/secrets/kubernetes.io/serviceaccount"
	fatal(os.MkdirAll("/run/secrets", 0o755))
	run("mount", "-t", "tmpfs", "tmpfs", "/run/secrets")
	fatal(os.MkdirAll(folder, 0o755))
	authority, err := os.ReadFile(c.file("certs/apiserver.crt"))
	fatal(err)
	fatal(os.WriteFile(folder+"/token", []byte("admin"), 0o600))
	fatal(os.WriteFile(folder+"/ca.crt", authority, 0o600))
	fatal(os.Setenv("KUBERNETES_SERVICE_HOST", host))
	fatal(os.Setenv("KUBERNETES_SERVICE_PORT", "6443"))
}

// nodes makes three nodes, and claims find volumes on each of them.
func (c *Cluster) nodes() {
	ctx := context.Background()
	for n := 1; n <= 3; n++ {
		name := fmt.Sprintf("node-%d", n)
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}}
		node, err := c.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		fatal(err)
		resources := corev1.ResourceList{"cpu": quantity("8"), "memory": quantity("16Gi"), "pods": quantity("110"), "ephemeral-storage": quantity("100Gi")}
		node.Status.Capacity, node.Status.Allocatable = resources, resources
		node.Status.Conditions = []corev1.NodeCondition{{Type: "Ready", Status: "True", Reason: "Try", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}
		_, err = c.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
		fatal(err)
	}
	// A new node is tainted until the controller that is left out finds it ready.
	c.kubectl("taint", "nodes", "--all", "node.kubernetes.io/not-ready-")
	volumes := "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata:\n  name: local\n  annotations: {storageclass.kubernetes.io/is-default-class: 'true'}\nprovisioner: kubernetes.io/no-provisioner\n"
	for n := 1; n <= 12; n++ {
		volumes += fmt.Sprintf("---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: volume-%d}\nspec:\n  storageClassName: local\n  accessModes: [ReadWriteOnce]\n  capacity: {storage: 1Gi}\n  hostPath: {path: %s}\n",
			n, c.file(fmt.Sprintf("volumes/%d", n)))
	}
	fatal(os.WriteFile(c.file("volumes.yaml"), []byte(volumes), 0o600))
	c.kubectl("apply", "-f", c.file("volumes.yaml"))
}

func (c *Cluster) file(name string) string { return filepath.Join(c.Work, name) }

// daemon starts a server whose output goes to a file of its name.
func (c *Cluster) daemon(name, program string, arguments ...string) *exec.Cmd {
	log, err := os.Create(c.file(name + ".log"))
	fatal(err)
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr = log, log
	fatal(command.Start())
	go func() { _ = command.Wait() }()
	return command
}

// try runs kubectl and returns what it prints, warnings included.
func (c *Cluster) try(arguments ...string) (string, error) {
	command := exec.Command("kubectl", append([]string{"--kubeconfig", c.file("kubeconfig"), "--cache-dir", c.file("cache")}, arguments...)...)
	command.Dir = c.Project
	out, err := command.CombinedOutput()
	var lines []string
	for _, line := range strings.Split(string(out), "\n") {
		// Of Debian's kubectl, which is older than the server.
		if !strings.Contains(line, "version difference between client") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n"), err
}

func (c *Cluster) kubectl(arguments ...string) string {
	out, err := c.try(arguments...)
	if err != nil {
		panic(fmt.Sprintf("kubectl %s: %v\n%s", strings.Join(arguments, " "), err, out))
	}
	return out
}

func (c *Cluster) version() string {
	version, err := c.client.Discovery().ServerVersion()
	fatal(err)
	return version.GitVersion
}

func run(name string, arguments ...string) {
	var out bytes.Buffer
	command := exec.Command(name, arguments...)
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		panic(fmt.Sprintf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out.String()))
	}
}

func fatal(err error) {
	if err != nil {
		panic(err.Error())
	}
}

func must(holds bool, what string) {
	if !holds {
		panic("not so: " + what)
	}
}

func shell(line string) string {
	out, err := exec.Command("sh", "-c", line).Output()
	if err != nil {
		return err.Error()
	}
	return string(out)
}
