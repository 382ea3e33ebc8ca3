package main

import (
	"errors"
	"fmt"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func build(policies []*networking.NetworkPolicy) (*matcher.Policy, error) {
	built := matcher.NewPolicy()
	for number, policy := range policies {
		if err := add(built, policy); err != nil {
			return nil, fmt.Errorf("policies[%d]: %w", number, err)
		}
	}
	return built, nil
}

// Not simplified: one thing less to believe.
func add(to *matcher.Policy, policy *networking.NetworkPolicy) error {
	if err := misread(policy); err != nil {
		return err
	}
	_, err := guarded(func() bool {
		ingress, egress := matcher.BuildTarget(policy)
		if ingress != nil {
			to.AddTarget(true, ingress)
		}
		if egress != nil {
			to.AddTarget(false, egress)
		}
		return true
	})
	return err
}

// What cyclonus reads otherwise than Kubernetes, and says nothing.
func misread(policy *networking.NetworkPolicy) error {
	if policy == nil || policy.Namespace == "" {
		return errors.New("no metadata.namespace")
	}
	if err := misreadSelector(&policy.Spec.PodSelector); err != nil {
		return err
	}
	for _, rule := range policy.Spec.Ingress {
		if err := misreadRule(rule.From, rule.Ports); err != nil {
			return err
		}
	}
	for _, rule := range policy.Spec.Egress {
		if err := misreadRule(rule.To, rule.Ports); err != nil {
			return err
		}
	}
	return nil
}

func misreadRule(peers []networking.NetworkPolicyPeer, ports []networking.NetworkPolicyPort) error {
	for _, port := range ports {
		if port.Port != nil && port.Port.Type == intstr.String {
			return fmt.Errorf("port `%s`: questions name ports by number", port.Port.StrVal)
		}
	}
	for _, peer := range peers {
		if peer == (networking.NetworkPolicyPeer{}) {
			return errors.New("a peer `{}`: Kubernetes refuses it, cyclonus takes it for the policy's own namespace")
		}
		for _, selector := range []*meta.LabelSelector{peer.NamespaceSelector, peer.PodSelector} {
			if err := misreadSelector(selector); err != nil {
				return err
			}
		}
	}
	return nil
}

func misreadSelector(selector *meta.LabelSelector) error {
	if selector == nil {
		return nil
	}
	for key, value := range selector.MatchLabels {
		if value == "" {
			return fmt.Errorf("label `%s: \"\"`: to cyclonus an absent label has this value too", key)
		}
	}
	for _, expression := range selector.MatchExpressions {
		if expression.Operator == meta.LabelSelectorOpNotIn {
			return fmt.Errorf("`NotIn` on label `%s`: to cyclonus an absent label is in every list", expression.Key)
		}
	}
	return nil
}
