//! # BH806 `foreign-route`
//!
//! ## What it refuses
//! Refuses routes of the Gateway API that take or lead others' calls.
//!
//! A route on a granted gateway (`serve.gateways`) must name its hosts: without `hostnames`, and with a TCPRoute or a
//! UDPRoute, it gets every call of the listener. A destination that the tenant is only granted to call is allowed in
//! a route for a granted Service alone, which only the callers in the route's own namespace get. `extensionRef` and
//! `useDefaultGateways` are refused.
//!
//! BH601 judges the hosts of a route and Services as its parents, BH604 gateways, BH602 destinations, BH605 headers.
//!
//! ## Why
//! The oldest route of a gateway wins, so that a route without hosts takes calls for other tenants. Callers of your
//! Service would call a granted destination with their own identity, and the gateway with the platform's.
//!
//! ## What to write instead
//! List your hosts in `hostnames`, lead calls to Services in namespaces of your own, and remove `extensionRef`.
//!
//! ## How to get it allowed
//! Ask the platform to write the route in the gateway's namespace. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: all, namespace: tenant-shop }
//! spec:
//!   parentRefs:
//!     - name: edge
//!     - name: public # BH806
//!       namespace: istio-ingress
//!       sectionName: https
//!   useDefaultGateways: All # BH806
//!   rules:
//!     - backendRefs: [{ name: web, port: 80 }]
//!       filters:
//!         - type: ExtensionRef
//!           extensionRef: { group: gateway.nginx.org, kind: SnippetsFilter, name: snippet } # BH806
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1alpha2
//! kind: TCPRoute
//! metadata: { name: all, namespace: tenant-shop }
//! spec:
//!   parentRefs:
//!     - name: public # BH806
//!       namespace: istio-ingress
//!   rules:
//!     - backendRefs: [{ name: db, port: 3306 }]
//! ```
//! Callers of your Service, led to a granted one:
//! ```yaml as alice in acme-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   parentRefs: [{ group: "", kind: Service, name: web }]
//!   rules:
//!     - backendRefs:
//!         - name: web
//!           port: 80
//!         - name: log-collector # BH806
//!           namespace: shared-services
//!           port: 8080
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1beta1
//! kind: HTTPRoute
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   parentRefs: [{ name: public, namespace: istio-ingress, sectionName: https }]
//!   hostnames: [shop.example.com]
//!   useDefaultGateways: None
//!   rules:
//!     - backendRefs: [{ name: web, port: 80 }]
//! ```
//! On a gateway of your own, and for a Service of your own:
//! ```yaml as alice in acme-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: GRPCRoute
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   parentRefs: [{ name: edge }, { group: "", kind: Service, name: web }]
//!   rules:
//!     - backendRefs: [{ name: web, port: 80, weight: 90 }, { name: web-v2, port: 80, weight: 10 }]
//! ```
//! A timeout for your own calls of a shared service:
//! ```yaml as alice in acme-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: logs, namespace: tenant-acme }
//! spec:
//!   parentRefs: [{ group: "", kind: Service, name: log-collector, namespace: shared-services }]
//!   rules:
//!     - timeouts: { request: 2s }
//!       backendRefs: [{ name: log-collector, namespace: shared-services, port: 8080 }]
//! ```

use super::{Check, Kind, Request, Rule, RuleReport, quote};
use crate::policy::claims::{Claim, ClaimKind, Owner, resolve};
use crate::policy::object::Route;

pub(super) const RULE: Rule = Rule::new(Check::Route(check));

fn check(request: &Request<'_>, route: &Route<'_>, report: &mut RuleReport) {
    let is_granted = |claim: &Claim<'_>| resolve(request, claim) == Owner::Granted;
    let gateways = || request.claims(ClaimKind::Gateway);
    if !route.has_hostnames() {
        let (finding, fix) = match request.kind {
            Kind::TcpRoute | Kind::UdpRoute => (
                "this route takes every connection of the listener, and other tenants can use the gateway too",
                "name a Gateway of your own, or ask the platform to write the route in the gateway's namespace.",
            ),
            _ => (
                "without `hostnames` this route takes calls for every host of the gateway",
                "list your hosts in `hostnames`.",
            ),
        };
        for gateway in gateways().filter(|claim| is_granted(&claim.value)) {
            report.add(&gateway.path, finding, fix);
        }
    }
    let mut parents = request.claimed(ClaimKind::ServedHost);
    let is_for_others = |claim: &Claim<'_>| matches!(claim, Claim::Parent(_)) && !is_granted(claim);
    if gateways().next().is_none() && !parents.any(|claim| is_for_others(&claim)) {
        return;
    }
    for destination in request.claims(ClaimKind::ReachedHost).filter(|claim| is_granted(&claim.value)) {
        let name = quote(destination.value.text());
        let message = format!("this route leads calls of others to {name}, which only your pods may call");
        report.add(&destination.path, message, "name a Service in a namespace of your own.");
    }
}
