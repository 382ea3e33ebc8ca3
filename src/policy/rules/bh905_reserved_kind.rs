//! # BH905 `reserved-kind`
//!
//! ## What it refuses
//! Refuses kinds that the settings reserve for the platform.
//!
//! By default these are the policies of network plugins in tenant namespaces: NetworkPolicies and NetworkSets of Calico,
//! NetworkPolicies of Antrea, and CiliumNetworkPolicies, CiliumLocalRedirectPolicies and CiliumEnvoyConfigs. The setting
//! `platform.reservedKinds` lists others instead. Only the platform (`platform.users`, `platform.groups`) may create and
//! change them; every user may delete them.
//!
//! ## Why
//! Other rules judge the peers of NetworkPolicies of Kubernetes only. A policy of a network plugin can allow traffic that
//! the baseline denies, be evaluated before it, or send the traffic of other pods on the node to a pod of the tenant. A
//! NetworkSet with the labels of another namespace joins the peers of policies that select this namespace.
//!
//! ## What to write instead
//! Write a NetworkPolicy of Kubernetes (`networking.k8s.io`).
//!
//! ## How to get it allowed
//! Ask the platform to review the object and to apply it, or to remove the kind from `platform.reservedKinds`. Calico's
//! own API server stores objects with its own account: the platform must write them to the group
//! `crd.projectcalico.org`, or list that account in `platform.users`. The rule only warns for tenants with
//! `enforcement: Observe` and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: cilium.io/v2
//! kind: CiliumNetworkPolicy # BH905
//! metadata: { name: open, namespace: tenant-acme }
//! specs: [{ endpointSelector: {}, ingress: [{ fromEntities: [all] }] }]
//! ```
//! ```yaml as system:serviceaccount:argocd:application-controller
//! apiVersion: crd.projectcalico.org/v1
//! kind: NetworkPolicy # BH905
//! metadata: { name: default.first, namespace: tenant-acme }
//! spec: { order: 1, ingress: [{ action: Allow }] }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: projectcalico.org/v3
//! kind: NetworkSet # BH905
//! metadata: { name: partners, namespace: tenant-acme, labels: { pcns.kubernetes.io/metadata.name: tenant-beta } }
//! spec: { nets: [10.0.0.7/32] }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: cilium.io/v2
//! kind: CiliumNetworkPolicy
//! metadata: { name: reviewed, namespace: tenant-acme }
//! spec: { endpointSelector: {}, egress: [{ toFQDNs: [{ matchName: api.example.com }] }] }
//! ```

use super::{Check, Kind, Kinds, NamespaceClass, Request, Rule, RuleReport, Trust};
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Unread])])
    .in_scopes(&[NamespaceClass::Tenant])
    .trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(_: &Request<'_>, report: &mut RuleReport) {
    report.add(
        &Object::kind_path(),
        "the settings of Bulkhead reserve this kind for the platform",
        "remove it and write a NetworkPolicy of Kubernetes, or ask the platform to review and apply it.",
    );
}
