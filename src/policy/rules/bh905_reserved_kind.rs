//! # BH905 `reserved-kind`
//!
//! ## What it refuses
//! Refuses kinds that the settings reserve for the platform.
//!
//! By default these are, in tenant namespaces,
//!
//! * the policies of network plugins: NetworkPolicies and NetworkSets of Calico, NetworkPolicies of Antrea, and
//!   CiliumNetworkPolicies, CiliumLocalRedirectPolicies and CiliumEnvoyConfigs;
//! * of the Prometheus operator ScrapeConfigs, Probes, AlertmanagerConfigs, Prometheuses, PrometheusAgents, Alertmanagers
//!   and ThanosRulers.
//!
//! The setting `platform.reservedKinds` lists others instead, such as kinds with which the controllers of
//! [Flux, Argo CD or External Secrets](../../../docs/settings.md#kinds-of-other-controllers) act for their author. Only the
//! platform (`platform.users`, `platform.groups`) may create and change them; every user may delete them.
//!
//! With the setting `audit.reports` it also refuses reports of that kind under a name that begins with `bulkhead-`: the
//! controller writes the findings of its audit under such a name. Other reports are admitted.
//!
//! ## Why
//! The platform's Prometheus calls every address in a ScrapeConfig or a Probe, and its Alertmanager those in an
//! AlertmanagerConfig. The operator copies Secrets that monitors of all namespaces refer to into the namespace of a
//! Prometheus.
//!
//! Other rules judge the peers of NetworkPolicies of Kubernetes only. A policy of a network plugin can allow traffic that
//! the baseline denies, be evaluated before it, or send the traffic of other pods on the node to a pod of the tenant. A
//! NetworkSet with the labels of another namespace joins the peers of policies that select this namespace.
//!
//! The platform reads a report of Bulkhead to learn which objects of the tenant violate a rule.
//!
//! ## What to write instead
//! Write a NetworkPolicy of Kubernetes (`networking.k8s.io`), a ServiceMonitor or a PodMonitor.
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
//! ```yaml as alice in acme-developers
//! apiVersion: monitoring.coreos.com/v1alpha1
//! kind: ScrapeConfig # BH905
//! metadata: { name: all, namespace: tenant-acme }
//! spec: { staticConfigs: [{ targets: [web.tenant-beta.svc:8080] }] }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: monitoring.coreos.com/v1
//! kind: Prometheus # BH905
//! metadata: { name: own, namespace: tenant-acme }
//! spec: { serviceMonitorNamespaceSelector: {} }
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
use crate::baseline::NAME_PREFIX;
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Unread])])
    .in_scopes(&[NamespaceClass::Tenant])
    .trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    if request.has_reserved_kind() {
        report.add(
            &Object::kind_path(),
            "the settings of Bulkhead reserve this kind for the platform",
            "remove it, or ask the platform to review and apply it; `bulkhead explain BH905` names kinds to write instead.",
        );
    } else if request.may_have_name_with(NAME_PREFIX) {
        let message =
            format!("names that begin with `{NAME_PREFIX}` are reserved for the reports of Bulkhead's audit");
        report.add(&Object::name_path(), message, "choose another name.");
    }
}
