//! The finding and the fix for a claim that a rule refuses.

use super::namespaces::SelectedNamespaces;
use super::peers::Destination;
use super::{Claim, Owner, peers};
use crate::baseline::{DNS_PORTS, dns_ports};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;
use crate::policy::object::{BoundSubject, Direction, Reference, TrafficRule};
use crate::policy::{Request, quote, quote_all};

/// Returns what was found, and what to write instead.
pub(super) fn describe(request: &Request<'_>, claim: &Claim<'_>, owner: Owner) -> (String, String) {
    match *claim {
        Claim::RequestHeader(name) if owner == Owner::Foreign => (
            format!("{} is the host of the request, and can lead it to services of others", quote(name)),
            match request.kind {
                Kind::RequestAuthentication => "write the claim into another header.".to_owned(),
                Kind::VirtualService => "write `rewrite.authority` with a host of your own.".to_owned(),
                _ => "write the filter `urlRewrite` with a `hostname` of your own.".to_owned(),
            },
        ),
        Claim::RequestHeader(name) => (
            format!("only the receiving proxy may write {}, because services trust this header", quote(name)),
            match request.kind {
                Kind::RequestAuthentication => "write the claim into another header.".to_owned(),
                _ => "remove the header from the route.".to_owned(),
            },
        ),
        Claim::KnownHost(host) => (
            format!("{} is outside {}, and no grant covers it", quote(host), request.own_tenant_in_words()),
            "write `./HOST` or `NAMESPACE/HOST` with a namespace of your own. For a shared service, ask the platform \
             for `Tenant.spec.grants.reach.sharedServices` and write its full host name."
                .to_owned(),
        ),
        Claim::ExternalName(name) => external_name(request, name, owner),
        Claim::EndpointAddress(address) => endpoint_address(address, owner),
        Claim::Parent(parent) => (reference_in_words(request, parent, "Gateway"), PARENT.to_owned()),
        Claim::Backend(backend) => (reference_in_words(request, backend, "Service"), REACHED_HOST.to_owned()),
        Claim::Subject(subject) => bound_subject(request, subject, owner),
        Claim::Caller(caller) => named_caller(request, caller.text, owner),
        Claim::KeySource(url) => key_source(url, owner),
        Claim::ServedHost(host) => (host_in_words(request, host, owner), SERVED_HOST.to_owned()),
        Claim::ReachedHost(host) => (host_in_words(request, host, owner), REACHED_HOST.to_owned()),
        Claim::Address(address) if request.kind == Kind::VirtualService => (
            host_in_words(request, address, owner),
            "remove it, or ask the platform for `cidrs` in `Tenant.spec.grants.reach`.".to_owned(),
        ),
        Claim::Address(address) => (host_in_words(request, address, owner), ADDRESS.to_owned()),
        Claim::Gateway(gateway) => (
            format!("{} is a gateway outside {}, and no grant covers it", quote(gateway), request.own_tenant_in_words()),
            "write `mesh`, or a Gateway in a namespace of your own. For a gateway of the platform, ask for \
             `Tenant.spec.grants.serve.gateways`."
                .to_owned(),
        ),
        Claim::Delegate(namespace) => (
            format!("the namespace {} is outside {}", quote(namespace), request.own_tenant_in_words()),
            "name a VirtualService in a namespace of your own.".to_owned(),
        ),
        Claim::Export(namespace) => (
            format!("{} names no namespace", quote(namespace)),
            "write `.` or a namespace of your own.".to_owned(),
        ),
        Claim::NoPeers(rule) => (
            format!("a rule without `{}` matches every pod and every address", rule.list()),
            peers_of_the_tenant(request, &rule),
        ),
        Claim::EmptyPeer(rule) => (
            "this peer has no selector and no `ipBlock`, so it matches every pod".to_owned(),
            peers_of_the_tenant(request, &rule),
        ),
        Claim::Cidr(rule, range) => {
            let range = quote(range);
            match owner {
                Owner::Anyone => (
                    format!("{range} is wider than /8, and can match the addresses of any pod"),
                    peers_of_the_tenant(request, &rule),
                ),
                Owner::Malformed => (
                    format!("{range} is written in a way that programs read as different ranges"),
                    granted_peers(&rule),
                ),
                Owner::Own | Owner::Granted | Owner::Platform | Owner::Foreign => {
                    (outside(request, &range), granted_peers(&rule))
                }
            }
        }
        Claim::Namespaces { rule, namespaces, pods } => {
            match peers::selected_namespaces(request, &rule, namespaces, pods) {
                SelectedNamespaces::Foreign(names) => foreign(request, &rule, &names),
                SelectedNamespaces::Allowed | SelectedNamespaces::Any => (
                    "this `namespaceSelector` names no namespace, and can match those of other tenants".to_owned(),
                    peers_of_the_tenant(request, &rule),
                ),
            }
        }
    }
}

fn external_name(request: &Request<'_>, name: &str, owner: Owner) -> (String, String) {
    let name = quote(name);
    if owner == Owner::Malformed {
        return (
            format!("{name} is an address or a short name, which programs look up in different ways"),
            "write a full host name. For an address, write an EndpointSlice, and ask the platform for \
             `Tenant.spec.grants.reach.cidrs`."
                .to_owned(),
        );
    }
    (
        format!("{name} is outside {}, and no grant covers it", request.own_tenant_in_words()),
        "write the full name of a Service in a namespace of your own, or ask the platform for \
         `Tenant.spec.grants.reach.hosts`."
            .to_owned(),
    )
}

fn endpoint_address(address: &str, owner: Owner) -> (String, String) {
    let address = quote(address);
    let finding = if owner == Owner::Malformed {
        format!("{address} is not written as an address that all programs read alike")
    } else {
        format!(
            "{address} can be the address of others, and no grant covers it for every port of this object"
        )
    };
    let fix = "for your own pods, write a `selector` into the Service. For addresses outside the cluster, ask the platform \
               for `Tenant.spec.grants.reach.cidrs` with these ports.";
    (finding, fix.to_owned())
}

fn bound_subject(request: &Request<'_>, subject: &BoundSubject<'_>, owner: Owner) -> (String, String) {
    let (kind, name) = (quote(&subject.kind), quote(&subject.name));
    let tenant = request.own_tenant_in_words();
    let finding = if owner == Owner::Anyone {
        format!("{name} includes users of other tenants, who would get rights in this namespace")
    } else {
        format!("the {kind} {name} does not belong to {tenant}, and would get rights in this namespace")
    };
    let fix = "bind service accounts of your own namespaces, or owners of the tenant. For other subjects, ask the platform \
               to write the binding.";
    (finding, fix.to_owned())
}

fn named_caller(request: &Request<'_>, name: &str, owner: Owner) -> (String, String) {
    let name = quote(name);
    if owner == Owner::Malformed {
        return (
            format!("Istio adds `spiffe://` itself, so that {name} matches no caller"),
            "write `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, without `spiffe://`.".to_owned(),
        );
    }
    let tenant = request.own_tenant_in_words();
    (
        format!("{name} is outside {tenant} and covered by no grant, so that the baseline denies its calls"),
        "name accounts of your own namespaces, or ask the platform for `Tenant.spec.grants.serve.gateways` or \
         `Tenant.spec.grants.callers`."
            .to_owned(),
    )
}

fn key_source(url: &str, owner: Owner) -> (String, String) {
    let url = quote(url);
    let finding = if owner == Owner::Malformed {
        format!("istiod would ask {url} for keys, which is no `https` URL of a host name on port 443")
    } else {
        format!(
            "istiod would ask {url} for keys from its own place in the network, and no grant covers the host"
        )
    };
    let fix = "write the public keys into `jwks`, or ask the platform for `Tenant.spec.grants.reach.hosts`.";
    (finding, fix.to_owned())
}

const SERVED_HOST: &str = "name a Service in a namespace of your own. For a host outside the cluster, ask the platform for \
     `hosts` in `Tenant.spec.grants.serve`, or in `reach` if your pods only call it.";
const REACHED_HOST: &str = "name a Service in a namespace of your own. For other destinations, ask the platform for \
     `sharedServices` or `hosts` in `Tenant.spec.grants.reach`.";
const ADDRESS: &str = "select your pods with `workloadSelector`, or ask the platform for `cidrs` in `Tenant.spec.grants.reach`.";

const PARENT: &str = "name a Service or a Gateway in a namespace of your own. For a gateway of the platform, ask for \
     `Tenant.spec.grants.serve.gateways`.";

fn reference_in_words(request: &Request<'_>, reference: &Reference<'_>, default: &str) -> String {
    let (_, kind) = reference.kind_or(("", default));
    let namespace = reference.namespace().unwrap_or(request.namespace().0);
    let name = quote(&format!("{namespace}/{}", reference.name()));
    format!("the {} {name} is outside {}, and no grant covers it", quote(kind), request.own_tenant_in_words())
}

fn host_in_words(request: &Request<'_>, host: &str, owner: Owner) -> String {
    let host = quote(host);
    match owner {
        Owner::Anyone => format!("{host} matches hosts of other namespaces"),
        Owner::Malformed => format!("programs read {host} in different ways"),
        Owner::Own | Owner::Granted | Owner::Platform | Owner::Foreign => {
            format!("{host} is outside {}, and no grant covers it", request.own_tenant_in_words())
        }
    }
}

/// Foreign namespaces. For the first of which the tenant may call some pods, the fix names these pods and their ports.
fn foreign(request: &Request<'_>, rule: &TrafficRule<'_, '_>, names: &[&str]) -> (String, String) {
    let tenant = request.own_tenant_in_words();
    let may_reveal = request.may_reveal(request.tenant_name());
    let granted = names.iter().find_map(|name| {
        let mut destinations = peers::destinations(request, name).into_iter();
        Some((*name, destinations.next().filter(|_| rule.direction == Direction::Out && may_reveal)?))
    });
    let Some((name, Destination { pods, ports })) = granted else {
        return (outside(request, &quote_all(names)), granted_peers(rule));
    };
    let pods: Vec<String> = pods.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let ports: Vec<String> = ports.iter().map(|port| format!("{} {}", port.protocol, port.number)).collect();
    (
        format!("this rule allows more of {} than {tenant} may call", quote(name)),
        format!(
            "leave the rule out: the baseline already allows what is granted. Or write `podSelector: {{matchLabels: \
             {{{}}}}}` beside the `namespaceSelector`, and only the ports {}.",
            pods.join(", "),
            ports.join(", "),
        ),
    )
}

fn outside(request: &Request<'_>, named: &str) -> String {
    let tenant = request.own_tenant_in_words();
    format!("this peer names {named}, which is outside {tenant} and covered by no grant")
}

const CHART: &str = "If a chart or an operator writes the policy, configure the peers there.";

fn peers_of_the_tenant(request: &Request<'_>, rule: &TrafficRule<'_, '_>) -> String {
    let list = rule.list();
    let tenant = request.tenant_name();
    let label = if request.may_reveal(tenant) {
        format!("`{TENANT_LABEL}: {tenant}`")
    } else {
        format!("the namespace's label `{TENANT_LABEL}`")
    };
    let pod_ports = dns_ports(request.snapshot.settings.dns.pod_port);
    let is_for_dns = rule.allows_only(&[DNS_PORTS, pod_ports].concat());
    let own = format!("write `{list}: [{{podSelector: {{}}}}]`, or a `namespaceSelector` with {label}");
    match rule.direction {
        Direction::In => format!(
            "{own}. For other callers, ask the platform for `Tenant.spec.grants.serve.gateways` or \
             `Tenant.spec.grants.callers`. {CHART}"
        ),
        Direction::Out if is_for_dns => "leave the rule out: the baseline already allows DNS.".to_owned(),
        Direction::Out => format!(
            "{own}. For other destinations, ask the platform for `Tenant.spec.grants.reach`; the baseline already \
             allows DNS and the API server. {CHART}"
        ),
    }
}

fn granted_peers(rule: &TrafficRule<'_, '_>) -> String {
    let fix = match rule.direction {
        Direction::In => {
            "remove it, or ask the platform for `Tenant.spec.grants.serve.gateways` or `Tenant.spec.grants.callers`. \
             The baseline then allows these calls."
        }
        Direction::Out => {
            "remove it, or ask the platform for `sharedServices`, `hosts` or `cidrs` in `Tenant.spec.grants.reach`. \
             The baseline already allows DNS and what is granted."
        }
    };
    fix.to_owned()
}
