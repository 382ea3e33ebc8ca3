//! # BH909 `waypoint-without-policy`
//!
//! ## What it refuses
//! Refuses waypoints that the baseline has no policy for.
//!
//! The rule judges Gateways of the Gateway API in tenants' namespaces, with the class `istio-waypoint` or a listener with
//! the protocol `HBONE`. It refuses each user, the platform included, unless the namespace has moved to the ambient
//! dataplane (`dataplane` of the Tenant, or `mesh.dataplane`) and the setting `mesh.waypoints` has the name of the Gateway.
//!
//! ## Why
//! Pods behind a waypoint see the account of the waypoint and not that of the caller. The policy `deny-cross-tenant` of
//! the pods then admits every caller, and only its copy at the waypoint, `bulkhead-deny-cross-tenant-NAME`, denies other
//! tenants. The baseline has this copy for each name in `mesh.waypoints`, in every namespace before its first pod.
//!
//! ## What to write instead
//! Give the Gateway a name that the setting `mesh.waypoints` lists: `waypoint`, if it is not set.
//!
//! ## How to get it allowed
//! Ask the platform to list the name in `mesh.waypoints`. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as root in system:masters, in snapshot ambient
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway
//! metadata:
//!   name: edge # BH909
//!   namespace: tenant-acme
//! spec:
//!   gatewayClassName: istio-waypoint
//!   listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
//! ```
//! A class of the platform can be served by Istio's controller of waypoints:
//! ```yaml as root in system:masters, in snapshot ambient
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway
//! metadata:
//!   name: edge # BH909
//!   namespace: tenant-acme
//! spec:
//!   gatewayClassName: own
//!   listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
//! ```
//! In a namespace with sidecars:
//! ```yaml as root in system:masters
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway
//! metadata:
//!   name: waypoint # BH909
//!   namespace: tenant-acme
//! spec:
//!   gatewayClassName: istio-waypoint
//!   listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters, in snapshot ambient
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway
//! metadata: { name: waypoint, namespace: tenant-acme }
//! spec:
//!   gatewayClassName: istio-waypoint
//!   listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
//! ```
//! A gateway is no waypoint:
//! ```yaml as root in system:masters, in snapshot ambient
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: Gateway
//! metadata: { name: edge, namespace: tenant-acme }
//! spec:
//!   gatewayClassName: istio
//!   listeners: [{ name: http, port: 80, protocol: HTTP, hostname: acme.example.com }]
//! ```
//!
//! ## Limits
//! A waypoint of the platform in another namespace, to which the platform's label leads a tenant's traffic, has no such
//! policy.

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, quote, quote_all};
use crate::baseline::is_waypoint;
use crate::policy::object::{Object, Policy, Spec};
use crate::settings::Dataplane;

pub(super) const RULE: Rule =
    Rule::new(Check::Policy(check)).kinds(&[Kinds::Only(&[Kind::KubernetesGateway])]).with_ratchet();

fn check(request: &Request<'_>, policy: &Policy<'_>, report: &mut RuleReport) {
    let Spec::KubernetesGateway(gateway) = &policy.spec else { return };
    if !is_waypoint(gateway.class(), gateway.protocols()) {
        return;
    }
    let settings = &request.snapshot.settings;
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    if request.snapshot.dataplane(request.namespace().0) != Dataplane::Ambient {
        let message = "in a namespace with sidecars no policy of the baseline applies at a waypoint";
        return report.add(&Object::name_path(), message, "remove it.");
    }
    if !settings.lists_waypoint(name) {
        let message = format!(
            "the baseline has no policy for a waypoint {}, so other tenants could call through it",
            quote(name)
        );
        let fix = format!(
            "name it {}, or ask the platform to list it in the setting `mesh.waypoints`.",
            quote_all(&settings.waypoints)
        );
        report.add(&Object::name_path(), message, fix);
    }
}
