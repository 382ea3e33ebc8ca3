package main

import (
	"net/netip"
	"slices"
	"strings"

	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"
)

// connection is everything that a policy can ask about. The identity is empty in plaintext.
type connection struct {
	identity    string
	source      netip.Addr
	destination netip.AddrPort
}

// judge returns the name of the policy that refuses a connection, and true if none does. The meaning is that of the
// comments in authorization.proto, and of experiments with ztunnel where they are silent: a match without a field
// matches nothing, a group without rules everything.
func (m *mesh) judge(c connection) (string, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	workload := m.workload(c.destination.Addr())
	if workload == nil {
		return "no workload at this address", false
	}
	hasAllow, isAllowed := false, false
	for _, policy := range m.applied(workload) {
		if policy.DryRun {
			continue
		}
		matches := matchesAny(policy.Groups, c)
		switch policy.Action {
		case security.Action_DENY:
			if matches {
				return policy.Namespace + "/" + policy.Name, false
			}
		case security.Action_ALLOW:
			hasAllow, isAllowed = true, isAllowed || matches
		}
	}
	if hasAllow && !isAllowed {
		return "no policy that allows it", false
	}
	return "", true
}

func (m *mesh) workload(at netip.Addr) *workloadapi.Workload {
	for _, address := range m.addresses {
		for _, own := range address.GetWorkload().GetAddresses() {
			if found, ok := netip.AddrFromSlice(own); ok && found.Unmap() == at.Unmap() {
				return address.GetWorkload()
			}
		}
	}
	return nil
}

// applied returns the policies of the mesh, of the workload's namespace, and those that select the workload. One that
// selects it but has not arrived counts as a policy that allows nothing.
func (m *mesh) applied(workload *workloadapi.Workload) []*security.Authorization {
	var applied []*security.Authorization
	for _, policy := range m.policies {
		switch policy.Scope {
		case security.Scope_GLOBAL:
			applied = append(applied, policy)
		case security.Scope_NAMESPACE:
			if policy.Namespace == workload.Namespace {
				applied = append(applied, policy)
			}
		}
	}
	for _, name := range workload.AuthorizationPolicies {
		policy, known := m.policies[name]
		if !known {
			policy = &security.Authorization{Action: security.Action_ALLOW}
		}
		applied = append(applied, policy)
	}
	return applied
}

// matchesAny is true if a group matches: if one match of each of its rules does.
func matchesAny(groups []*security.Group, c connection) bool {
	return slices.ContainsFunc(groups, func(group *security.Group) bool {
		return !slices.ContainsFunc(group.Rules, func(rules *security.Rules) bool {
			return !slices.ContainsFunc(rules.Matches, func(match *security.Match) bool { return matches(match, c) })
		})
	})
}

// matches is true if each field that is set matches. Without an identity nothing that names one matches.
func matches(match *security.Match, c connection) bool {
	_, account, _ := strings.Cut(c.identity, "/ns/")
	namespace, name, _ := strings.Cut(account, "/sa/")
	isPrincipal := func(wanted *security.StringMatch) bool { return equals(wanted, c.identity) }
	isNamespace := func(wanted *security.StringMatch) bool { return equals(wanted, namespace) }
	isAccount := func(wanted *security.ServiceAccountMatch) bool {
		return c.identity != "" && wanted.Namespace == namespace && wanted.ServiceAccount == name
	}
	isSource := func(wanted *security.Address) bool { return contains(wanted, c.source) }
	isDestination := func(wanted *security.Address) bool { return contains(wanted, c.destination.Addr()) }
	isPort := func(wanted uint32) bool { return wanted == uint32(c.destination.Port()) }
	fields := []field{
		of(match.Principals, match.NotPrincipals, isPrincipal),
		of(match.Namespaces, match.NotNamespaces, isNamespace),
		of(match.ServiceAccounts, match.NotServiceAccounts, isAccount),
		of(match.SourceIps, match.NotSourceIps, isSource),
		of(match.DestinationIps, match.NotDestinationIps, isDestination),
		of(match.DestinationPorts, match.NotDestinationPorts, isPort),
	}
	isSet := slices.ContainsFunc(fields, func(f field) bool { return f.isSet })
	return isSet && !slices.ContainsFunc(fields, func(f field) bool { return !f.matches })
}

// field is one field of a match, together with its opposite.
type field struct{ isSet, matches bool }

func of[T any](wanted, unwanted []T, is func(T) bool) field {
	isWanted := len(wanted) == 0 || slices.ContainsFunc(wanted, is)
	return field{len(wanted)+len(unwanted) > 0, isWanted && !slices.ContainsFunc(unwanted, is)}
}

func equals(wanted *security.StringMatch, value string) bool {
	if value == "" {
		return false
	}
	switch kind := wanted.MatchType.(type) {
	case *security.StringMatch_Exact:
		return value == kind.Exact
	case *security.StringMatch_Prefix:
		return strings.HasPrefix(value, kind.Prefix)
	case *security.StringMatch_Suffix:
		return strings.HasSuffix(value, kind.Suffix)
	case *security.StringMatch_Presence:
		return true
	}
	return false
}

func contains(wanted *security.Address, address netip.Addr) bool {
	network, ok := netip.AddrFromSlice(wanted.Address)
	return ok && netip.PrefixFrom(network.Unmap(), int(wanted.Length)).Contains(address.Unmap())
}
