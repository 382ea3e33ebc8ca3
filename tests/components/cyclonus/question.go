package main

import (
	"fmt"
	"net"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	core "k8s.io/api/core/v1"
)

type question struct {
	From     end           `json:"from"`
	To       end           `json:"to"`
	Port     int           `json:"port"`
	Protocol core.Protocol `json:"protocol"`
}

// A pod, or with an address only whoever is outside the cluster, or on a node's own network.
type end struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	PodLabels       map[string]string `json:"podLabels"`
	IP              string            `json:"ip"`
}

func (asked *question) allowed(policies *matcher.Policy) (bool, error) {
	switch asked.Protocol {
	case core.ProtocolTCP, core.ProtocolUDP, core.ProtocolSCTP:
	default:
		return false, fmt.Errorf("protocol: `%s` is none of TCP, UDP and SCTP", asked.Protocol)
	}
	if asked.Port < 1 || asked.Port > 65535 {
		return false, fmt.Errorf("port: %d is no port", asked.Port)
	}
	from, err := asked.From.peer()
	if err != nil {
		return false, fmt.Errorf("from: %w", err)
	}
	to, err := asked.To.peer()
	if err != nil {
		return false, fmt.Errorf("to: %w", err)
	}
	packet := &matcher.Traffic{Source: from, Destination: to, ResolvedPort: asked.Port, Protocol: asked.Protocol}
	return guarded(func() bool { return policies.IsTrafficAllowed(packet).IsAllowed() })
}

// A pod has an address too: blocks of addresses are asked for it.
func (end *end) peer() (*matcher.TrafficPeer, error) {
	if net.ParseIP(end.IP) == nil {
		return nil, fmt.Errorf("ip: `%s` is no address", end.IP)
	}
	if end.Namespace != "" {
		pod := &matcher.InternalPeer{
			Namespace: end.Namespace, NamespaceLabels: end.NamespaceLabels, PodLabels: end.PodLabels,
		}
		return &matcher.TrafficPeer{Internal: pod, IP: end.IP}, nil
	}
	if len(end.NamespaceLabels)+len(end.PodLabels) > 0 {
		return nil, fmt.Errorf("namespace: labels belong to a pod, and a pod to a namespace")
	}
	return &matcher.TrafficPeer{IP: end.IP}, nil
}
