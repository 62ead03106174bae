package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// Kubelet makes the pods of all nodes: a network namespace with an address for each, its container with the security context's
// user, capabilities and root, its environment and its claims; probes with their consequences, restarts, and the orderly stop.
type Kubelet struct {
	cluster *Cluster

	mutex sync.Mutex
	pods  map[types.UID]*Pod
	count int
	// held says which pods' containers stay down when they have ended.
	held map[string]bool
}

// Pod is a pod at work.
type Pod struct {
	kubelet *Kubelet
	spec    *corev1.Pod
	network string
	address string

	mutex     sync.Mutex
	container *Container
	restarts  int32
	ready     bool
	started   bool
	stopping  chan struct{}
	reason    string
}

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

func (k *Kubelet) start() {
	k.pods, k.held = map[types.UID]*Pod{}, map[string]bool{}
	factory := informers.NewSharedInformerFactory(k.cluster.client, 0)
	see := func(object any) {
		if pod, ok := object.(*corev1.Pod); ok {
			k.see(pod)
		}
	}
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    see,
		UpdateFunc: func(_, object any) { see(object) },
	})
	fatal(err)
	factory.Start(context.Background().Done())
}

func (k *Kubelet) see(spec *corev1.Pod) {
	if spec.Spec.NodeName == "" {
		return
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	pod := k.pods[spec.UID]
	if pod == nil {
		k.count++
		pod = &Pod{kubelet: k, spec: spec.DeepCopy(), stopping: make(chan struct{})}
		pod.network = fmt.Sprintf("p%d", k.count)
		pod.address = fmt.Sprintf("10.244.%d.%d", 1+k.count/250, 1+k.count%250)
		k.pods[spec.UID] = pod
		go pod.live()
	}
	if spec.DeletionTimestamp != nil {
		pod.mutex.Lock()
		defer pod.mutex.Unlock()
		select {
		case <-pod.stopping:
		default:
			if seconds := spec.DeletionGracePeriodSeconds; seconds != nil {
				pod.spec.DeletionGracePeriodSeconds = seconds
			}
			close(pod.stopping)
		}
	}
}

// live runs the pod from its first start to its end.
func (p *Pod) live() {
	makeNetwork(p.network, p.address)
	pause := time.Second
	for !p.isStopping() {
		container, err := p.run()
		if err != nil {
			p.set(func() { p.reason = err.Error() })
			fmt.Printf("        pod %s/%s: %v\n", p.spec.Namespace, p.spec.Name, err)
			break
		}
		p.set(func() {
			p.container, p.ready, p.started, p.reason = container, false, p.spec.Spec.Containers[0].StartupProbe == nil, ""
		})
		quit := make(chan struct{})
		go p.probe(container, quit)
		select {
		case <-container.ended:
		case <-p.stopping:
			container.stop(p.grace())
		}
		close(quit)
		p.set(func() { p.container, p.ready = nil, false })
		if p.spec.Spec.RestartPolicy != corev1.RestartPolicyAlways && !p.isStopping() {
			p.finish(container.code())
			break
		}
		p.pause(pause)
		pause = min(2*pause, time.Minute)
	}
	<-p.stopping
	dropNetwork(p.network)
	zero := int64(0)
	_ = p.kubelet.cluster.client.CoreV1().Pods(p.spec.Namespace).Delete(context.Background(), p.spec.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &p.spec.UID},
	})
}

// pause waits before the next start, and for as long as the pod is held.
func (p *Pod) pause(pause time.Duration) {
	if p.isStopping() {
		return
	}
	p.set(func() { p.restarts++; p.reason = "CrashLoopBackOff" })
	for end := time.Now().Add(pause); !p.isStopping(); time.Sleep(200 * time.Millisecond) {
		p.kubelet.mutex.Lock()
		held := p.kubelet.held[p.spec.Name]
		p.kubelet.mutex.Unlock()
		if !held && time.Now().After(end) {
			return
		}
	}
}

func (p *Pod) isStopping() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

func (p *Pod) grace() time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if seconds := p.spec.DeletionGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return 30 * time.Second
}

// set changes the pod's state and tells the API server.
func (p *Pod) set(change func()) {
	p.mutex.Lock()
	change()
	status := p.status()
	p.mutex.Unlock()
	p.patch(status)
}

func (p *Pod) status() map[string]any {
	truth := map[bool]string{true: "True", false: "False"}
	now := metav1.Now()
	condition := func(kind string, holds bool) map[string]any {
		return map[string]any{"type": kind, "status": truth[holds], "lastTransitionTime": now}
	}
	container := p.spec.Spec.Containers[0]
	state := map[string]any{"running": map[string]any{"startedAt": now}}
	if p.container == nil {
		state = map[string]any{"waiting": map[string]any{"reason": p.reason}}
	}
	return map[string]any{
		"phase": "Running", "podIP": p.address, "podIPs": []any{map[string]any{"ip": p.address}}, "hostIP": host, "startTime": p.spec.CreationTimestamp,
		"conditions": []any{condition("Initialized", true), condition("ContainersReady", p.ready), condition("Ready", p.ready)},
		"containerStatuses": []any{map[string]any{
			"name": container.Name, "image": container.Image, "imageID": container.Image, "ready": p.ready, "started": p.started,
			"restartCount": p.restarts, "state": state,
		}},
	}
}

func (p *Pod) finish(code int) {
	phase := "Succeeded"
	if code != 0 {
		phase = "Failed"
	}
	container := p.spec.Spec.Containers[0]
	p.patch(map[string]any{"phase": phase, "containerStatuses": []any{map[string]any{
		"name": container.Name, "image": container.Image, "imageID": container.Image, "ready": false, "restartCount": p.restarts,
		"state": map[string]any{"terminated": map[string]any{"exitCode": code}},
	}}})
}

func (p *Pod) patch(status map[string]any) {
	body, err := json.Marshal(map[string]any{"status": status})
	fatal(err)
	_, _ = p.kubelet.cluster.client.CoreV1().Pods(p.spec.Namespace).Patch(context.Background(), p.spec.Name,
		types.StrategicMergePatchType, body, metav1.PatchOptions{}, "status")
}

func makeNetwork(name, address string) {
	run("ip", "netns", "add", name)
	run("ip", "link", "add", "v"+name, "type", "veth", "peer", "name", "eth0", "netns", name)
	run("ip", "link", "set", "v"+name, "master", "br0", "up")
	run("ip", "-n", name, "addr", "add", address+"/16", "dev", "eth0")
	run("ip", "-n", name, "link", "set", "lo", "up")
	run("ip", "-n", name, "link", "set", "eth0", "up")
	run("ip", "-n", name, "route", "add", "default", "via", host)
}

func dropNetwork(name string) { run("ip", "netns", "del", name) }
