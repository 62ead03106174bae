package main

import (
	"context"
	"net"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"golang.org/x/net/dns/dnsmessage"
)

// serveNames answers for Services and for pods of headless ones, from the EndpointSlices of the real controller. A Service with an
// address of its own leads to its pods at once: there is no kube-proxy.
func serveNames(client *kubernetes.Clientset) {
	socket, err := net.ListenPacket("udp", host+":53")
	fatal(err)
	go func() {
		buffer := make([]byte, 1500)
		for {
			length, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buffer[:length]) != nil || len(query.Questions) != 1 {
				continue
			}
			go func() {
				if answer, err := answer(client, query).Pack(); err == nil {
					_, _ = socket.WriteTo(answer, from)
				}
			}()
		}
	}()
}

func answer(client *kubernetes.Clientset, query dnsmessage.Message) *dnsmessage.Message {
	question := query.Questions[0]
	reply := &dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionDesired: query.RecursionDesired, RecursionAvailable: true},
		Questions: query.Questions,
	}
	name := strings.TrimSuffix(strings.ToLower(question.Name.String()), ".")
	addresses, known := resolve(client, name)
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
		return reply
	}
	if question.Type == dnsmessage.TypeA {
		for _, address := range addresses {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 5},
				Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())},
			})
		}
	}
	return reply
}

// resolve finds the pods of a name that ends in .svc.cluster.local: those that are ready, or all where the Service says so.
func resolve(client *kubernetes.Clientset, name string) ([]string, bool) {
	short, ours := strings.CutSuffix(name, ".svc.cluster.local")
	if !ours {
		return nil, false
	}
	parts := strings.Split(short, ".")
	pod := ""
	if len(parts) == 3 {
		pod, parts = parts[0], parts[1:]
	}
	if len(parts) != 2 {
		return nil, false
	}
	slices, err := client.DiscoveryV1().EndpointSlices(parts[1]).List(context.Background(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + parts[0]})
	if err != nil {
		return nil, false
	}
	var addresses []string
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
			named := pod == "" || endpoint.Hostname != nil && *endpoint.Hostname == pod
			if ready && named {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
	}
	// A name without an address does not exist, as with CoreDNS.
	return addresses, len(addresses) > 0
}
