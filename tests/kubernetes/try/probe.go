package main

import (
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe asks the container until it ends: startup first, then liveness and readiness, as the kubelet does.
func (p *Pod) probe(container *Container, quit chan struct{}) {
	spec := p.spec.Spec.Containers[0]
	if spec.StartupProbe != nil {
		failures := int32(0)
		for !p.ask(container, spec.StartupProbe) {
			if failures++; failures >= threshold(spec.StartupProbe) {
				container.stop(p.grace())
				return
			}
			if !wait(quit, period(spec.StartupProbe)) {
				return
			}
		}
		p.set(func() { p.started = true })
	}
	if spec.LivenessProbe != nil {
		go func() {
			failures := int32(0)
			for wait(quit, period(spec.LivenessProbe)) {
				if p.ask(container, spec.LivenessProbe) {
					failures = 0
				} else if failures++; failures >= threshold(spec.LivenessProbe) {
					container.stop(p.grace())
					return
				}
			}
		}()
	}
	failures, ready := int32(0), false
	for {
		answer := spec.ReadinessProbe == nil || p.ask(container, spec.ReadinessProbe)
		if answer {
			failures = 0
		} else {
			failures++
		}
		now := answer || ready && failures < threshold(spec.ReadinessProbe)
		if now != ready {
			ready = now
			select {
			case <-quit:
				return
			default:
				p.set(func() { p.ready = ready })
			}
		}
		if !wait(quit, period(spec.ReadinessProbe)) {
			return
		}
	}
}

func wait(quit chan struct{}, pause time.Duration) bool {
	select {
	case <-quit:
		return false
	case <-time.After(pause):
		return true
	}
}

// ask returns whether the probe succeeds within its time.
func (p *Pod) ask(container *Container, probe *corev1.Probe) bool {
	limit := time.Duration(max(1, probe.TimeoutSeconds)) * time.Second
	switch {
	case probe.HTTPGet != nil:
		client := http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Get("http://" + net.JoinHostPort(p.address, p.port(probe.HTTPGet.Port)) + probe.HTTPGet.Path)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode < 400
	case probe.TCPSocket != nil:
		socket, err := net.DialTimeout("tcp", net.JoinHostPort(p.address, p.port(probe.TCPSocket.Port)), limit)
		if err != nil {
			return false
		}
		_ = socket.Close()
		return true
	default:
		return container.exec(limit, probe.Exec.Command...) == nil
	}
}

func (p *Pod) port(port intstr.IntOrString) string {
	for _, one := range p.spec.Spec.Containers[0].Ports {
		if one.Name == port.String() {
			return strconv.Itoa(int(one.ContainerPort))
		}
	}
	return port.String()
}

func period(probe *corev1.Probe) time.Duration {
	if probe == nil || probe.PeriodSeconds == 0 {
		return 10 * time.Second
	}
	return time.Duration(probe.PeriodSeconds) * time.Second
}

func threshold(probe *corev1.Probe) int32 {
	if probe == nil || probe.FailureThreshold == 0 {
		return 3
	}
	return probe.FailureThreshold
}
