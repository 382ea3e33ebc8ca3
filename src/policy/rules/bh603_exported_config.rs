//! # BH603 `exported-config`
//!
//! ## What it refuses
//! Refuses to export routes and entries for hosts of others.
//!
//! `exportTo` must list only namespaces of the tenant, `.` or `~`
//!
//! * in every ServiceEntry;
//! * in a VirtualService that names hosts or addresses that the tenant calls and does not serve (`grants.reach`);
//! * in a VirtualService for a host outside the cluster with `tcp` or `tls` routes that sidecars follow.
//!
//! Without `exportTo`, istiod exports the object to every namespace. A VirtualService for the tenant's own hosts may be
//! exported, as long as it leads to its own hosts.
//!
//! ## Why
//! Other tenants, gateways and shared services call the same hosts. An exported object decides how their proxies call
//! them. A proxy of the platform that follows an exported route calls the destination with its own identity. A
//! ServiceEntry for a TCP port can take all connections to this port in the proxies that know it. Istiod applies `tcp` and
//! `tls` routes also to a ServiceEntry of others whose wildcard covers the host, with all its other hosts.
//!
//! ## What to write instead
//! Write `exportTo: ["."]`, or list namespaces of your own. For `tls` routes on a gateway, leave `mesh` out of `gateways`.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.serve.hosts` if a VirtualService is for a host that you serve, and to write the
//! object if others need a ServiceEntry. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! A route that gateways would follow to a shared service, with their own identity:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec: # BH603
//!   hosts: [web]
//!   http:
//!     - route: [{ destination: { host: log-collector.shared-services.svc.cluster.local } }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: logs, namespace: tenant-acme }
//! spec:
//!   hosts: [log-collector.shared-services.svc.cluster.local]
//!   exportTo:
//!     - "."
//!     - tenant-acme-new
//!     - tenant-beta # BH603
//!     - "*" # BH603
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! A delegate has no hosts, and is followed from another VirtualService:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: part, namespace: tenant-shop }
//! spec: # BH603
//!   http:
//!     - mirror: { host: api.example.net }
//!       route: [{ destination: { host: web } }]
//! ```
//! The oldest ServiceEntry for a host counts, in proxies that import several:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: api, namespace: tenant-shop }
//! spec: # BH603
//!   hosts: [api.example.net]
//!   ports: [{ number: 443, name: tls, protocol: TLS }]
//!   resolution: DNS
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: db, namespace: tenant-shop }
//! spec:
//!   hosts: [db.shop.example.com]
//!   exportTo:
//!     - "" # BH603
//!     - istio-ingress # BH603
//!   endpoints: [{ address: 203.0.113.7 }]
//!   ports: [{ number: 5432, name: tcp, protocol: TCP }]
//!   resolution: STATIC
//! ```
//! Routes that would also take the connections of a ServiceEntry for `*.example.com`:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec: # BH603
//!   hosts: [web, shop.example.com]
//!   tls:
//!     - match: [{ sniHosts: [shop.example.com] }]
//!       route: [{ destination: { host: web } }]
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hosts: ["*.shop.example.com"]
//!   gateways: [edge]
//!   exportTo:
//!     - "*" # BH603
//!   tcp:
//!     - match: [{ port: 5432, gateways: [mesh] }]
//!       route: [{ destination: { host: web } }]
//! ```
//! A ServiceEntry for an own host, in every namespace:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: all, namespace: tenant-acme }
//! spec:
//!   hosts: [all.tenant-acme.svc.cluster.local]
//!   exportTo:
//!     - "*" # BH603
//!   ports: [{ number: 5432, name: tcp, protocol: TCP }]
//!   resolution: STATIC
//!   workloadSelector: { labels: { app: web } }
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   exportTo: ["*"]
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: logs, namespace: tenant-acme }
//! spec:
//!   hosts: [log-collector.shared-services.svc.cluster.local]
//!   exportTo: [".", tenant-acme-new]
//!   http:
//!     - route: [{ destination: { host: log-collector.shared-services.svc.cluster.local } }]
//! ```
//! TLS that a gateway passes through:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hosts: [shop.example.com]
//!   gateways: [istio-ingress/public]
//!   tls:
//!     - match: [{ sniHosts: [shop.example.com] }]
//!       route: [{ destination: { host: web } }]
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: api, namespace: tenant-shop }
//! spec:
//!   hosts: [api.example.net]
//!   exportTo: ["."]
//!   ports: [{ number: 443, name: tls, protocol: TLS }]
//!   resolution: DNS
//! ```
//!
//! ## Limits
//! The rule does not judge `exportTo` of DestinationRules. A proxy obeys the rules in its own namespace, in the Service's
//! and in the mesh's root, and no ServiceEntry of the tenant for such a host is exported.

use super::{Check, Kind, Kinds, Request, Retry, Rule, RuleReport, quote};
use crate::policy::claims::{Claim, ClaimKind, Owner, is_outside_cluster, resolve};
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::VirtualService, Kind::ServiceEntry])])
    .refuses(ClaimKind::Export, &[Owner::Malformed]);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let exports = || request.claims(ClaimKind::Export);
    let is_open = |owner: Owner| matches!(owner, Owner::Anyone | Owner::Foreign);
    let has_exports = request.claimed(ClaimKind::Export).next().is_some();
    let open: Vec<_> = exports().filter(|claim| is_open(resolve(request, &claim.value))).collect();
    if has_exports && open.is_empty() || !request.makes_claims() {
        return;
    }
    let called = [ClaimKind::ServedHost, ClaimKind::ReachedHost, ClaimKind::Address]
        .into_iter()
        .flat_map(|kind| request.claimed(kind))
        .find(|claim| resolve(request, claim) == Owner::Granted);
    let reason = match called {
        Some(called) => {
            let tenant = request.own_tenant_in_words();
            format!("{tenant} calls {} but does not serve it", quote(called.text()))
        }
        None if request.kind == Kind::ServiceEntry => {
            "a ServiceEntry can take connections of their pods".to_owned()
        }
        None => match wildcard_covers(request) {
            Some(host) => format!(
                "its `tcp` and `tls` routes apply to every ServiceEntry whose wildcard covers {}",
                quote(host)
            ),
            None => return,
        },
    };
    let fix = "write `exportTo: [\".\"]`, or list namespaces of your own.";
    if !has_exports {
        let message =
            format!("without `exportTo` istiod exports the object to other namespaces, and {reason}");
        report.add(&Object::spec_path(), message, fix);
    }
    for export in open {
        let name = quote(export.value.text());
        report.add(&export.path, format!("{name} exports the object to other namespaces, and {reason}"), fix);
        report.may_change(Retry::Refresh);
    }
}

/// Returns a served host that the wildcard of a ServiceEntry can cover, of a VirtualService with routes for connections
/// that sidecars follow.
fn wildcard_covers<'r>(request: &Request<'r>) -> Option<&'r str> {
    match request.object {
        Object::VirtualService(_, service) if service.has_connections_of_sidecars() => {}
        _ => return None,
    }
    let is_served = |claim: &Claim<'_>| {
        is_outside_cluster(request, claim.text()) && resolve(request, claim) == Owner::Own
    };
    let mut hosts = request.claimed(ClaimKind::ServedHost);
    hosts.find(is_served).map(|host| host.text())
}
