//! # BH906 `gateway-object`
//!
//! ## What it refuses
//! Refuses Gateways of the Gateway API in tenant namespaces.
//!
//! The rule judges Gateways and ListenerSets, and with them BackendTLSPolicies and ReferenceGrants. Only the platform
//! (`platform.users`, `platform.groups`) may create and change them; every user may delete them. An object that already
//! exists stays while its spec, and the labels and annotations of a Gateway, are unchanged. Gateways for pods of the grant
//! `gatewayPods` and for waypoints are written by the platform too.
//!
//! ## Why
//! For a Gateway, istiod or a cloud creates pods, Services, addresses and load balancers, with labels, annotations and
//! whole manifests that the Gateway's author writes. A ListenerSet adds hosts to the Gateway of others. A
//! ReferenceGrant gives routes and Gateways of others the tenant's Services and keys.
//!
//! ## What to write instead
//! Write an HTTPRoute for a gateway of the platform, and ask for `Tenant.spec.grants.serve` (`gateways`, `hosts`).
//!
//! ## How to get it allowed
//! Ask the platform to review the object and to apply it. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway # BH906
//! metadata: { name: edge, namespace: tenant-beta }
//! spec:
//!   gatewayClassName: istio
//!   infrastructure: { parametersRef: { group: "", kind: ConfigMap, name: mine } }
//!   listeners: [{ name: http, port: 80, protocol: HTTP }]
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1beta1
//! kind: ReferenceGrant # BH906
//! metadata: { name: all, namespace: tenant-beta }
//! spec:
//!   from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: tenant-acme }]
//!   to: [{ group: "", kind: Service }]
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: ListenerSet # BH906
//! metadata: { name: mine, namespace: tenant-beta }
//! spec:
//!   parentRef: { name: public, namespace: istio-ingress }
//!   listeners: [{ name: http, port: 80, protocol: HTTP }]
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1alpha3
//! kind: BackendTLSPolicy # BH906
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   targetRefs: [{ group: "", kind: Service, name: web }]
//!   validation: { hostname: web, wellKnownCACertificates: System }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway
//! metadata: { name: edge, namespace: tenant-beta }
//! spec:
//!   gatewayClassName: istio
//!   listeners: [{ name: http, port: 80, protocol: HTTP, hostname: beta.example.com }]
//! ```
//!
//! ## Limits
//! Experimental kinds of the group `gateway.networking.x-k8s.io` are not known.

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, Trust};
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[
        Kind::KubernetesGateway,
        Kind::ListenerSet,
        Kind::BackendTlsPolicy,
        Kind::ReferenceGrant,
    ])])
    .trusts(&[Trust::Platform, Trust::Bulkhead])
    .with_ratchet();

fn check(_: &Request<'_>, report: &mut RuleReport) {
    report.add(
        &Object::kind_path(),
        "only the platform may write this kind: it configures gateways, or opens objects to those of others",
        "remove it, or ask the platform to review and apply it.",
    );
}
