//! # BH611 `claimed-host`
//!
//! ## What it refuses
//! Refuses routes for tenants' hosts in namespaces of no tenant.
//!
//! The rule judges `hosts` and `sniHosts` of VirtualServices and ServiceEntries in namespaces that neither have the tenant
//! label nor are listed in the settings. Hosts in the namespaces of tenants, of shared services and of the mesh's root are
//! refused, in each form that proxies know, and so are names that a tenant may serve (`serve.hosts`). Objects that
//! `exportTo` keeps in their own namespace are admitted. The rule judges Ingresses and routes of the Gateway API in the same way, with the
//! Services in `parentRefs` of TCPRoutes, TLSRoutes and UDPRoutes.
//!
//! ## Why
//! Istiod gives a VirtualService to the proxies of every namespace that imports it, whatever namespace it is in. The
//! baseline's Sidecar imports no such namespace, but gateways and other proxies of the platform can.
//!
//! ## What to write instead
//! Write `exportTo: ["."]` if only pods of this namespace call the host, or name a host of your own.
//!
//! ## How to get it allowed
//! Ask the platform to write the object, or to list the namespace in `platform.namespaces`. The rule only warns for
//! objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as dave in sandbox-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: taken, namespace: sandbox }
//! spec:
//!   hosts:
//!     - web
//!     - web.tenant-acme.svc.cluster.local # BH611
//!     - web.tenant-acme # BH611
//!     - log-collector.shared-services.svc # BH611
//!     - istiod.istio-system.svc.cluster.local # BH611
//!     - "*.svc.cluster.local" # BH611
//!     # Envoy ignores case.
//!     - Web.tenant-acme.svc.cluster.local # BH611
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! ```yaml as dave in sandbox-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: taken, namespace: sandbox }
//! spec:
//!   hosts:
//!     - www.shop.example.com # BH611
//!     - "*.example.com" # BH611
//!     - api.example.com
//!     # A proxy in any namespace can answer to this name.
//!     - web # BH611
//!   exportTo: [".", istio-ingress]
//!   ports: [{ number: 443, name: tls, protocol: TLS }]
//!   resolution: DNS
//! ```
//! ```yaml as dave in sandbox-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: TLSRoute
//! metadata: { name: taken, namespace: sandbox }
//! spec:
//!   parentRefs:
//!     - name: web # BH611
//!       namespace: tenant-acme
//!       kind: Service
//!       group: ""
//!   hostnames:
//!     - shop.example.com # BH611
//!   rules: [{ backendRefs: [{ name: web, port: 443 }] }]
//! ```
//! ```yaml as dave in sandbox-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata: { name: taken, namespace: sandbox }
//! spec:
//!   tls:
//!     - hosts:
//!         - www.shop.example.com # BH611
//!   rules:
//!     - host: www.example.com
//!     - host: shop.example.com # BH611
//! ```
//!
//! ## Admitted
//! ```yaml as dave in sandbox-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: bookinfo, namespace: sandbox }
//! spec:
//!   hosts: ["*"]
//!   gateways: [bookinfo-gateway]
//!   http:
//!     - route: [{ destination: { host: productpage, port: { number: 9080 } } }]
//! ```
//! Istiod gives routes of requests for Services of others only to callers in the namespace of the route:
//! ```yaml as dave in sandbox-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: patient, namespace: sandbox }
//! spec:
//!   parentRefs: [{ group: "", kind: Service, name: web, namespace: tenant-acme }, { name: edge }]
//!   rules: [{ timeouts: { request: 2s }, backendRefs: [{ name: web, port: 80 }] }]
//! ```
//! A timeout for its own calls to a tenant:
//! ```yaml as dave in sandbox-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: patient, namespace: sandbox }
//! spec:
//!   hosts: [web.tenant-acme.svc.cluster.local]
//!   exportTo: ["."]
//!   http:
//!     - timeout: 2s
//!       route: [{ destination: { host: web.tenant-acme.svc.cluster.local } }]
//! ```
//! ```yaml as root in system:masters
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: edge, namespace: sandbox }
//! spec:
//!   hosts: [web.tenant-acme.svc.cluster.local]
//!   http:
//!     - route: [{ destination: { host: web.tenant-acme.svc.cluster.local } }]
//! ```
//!
//! ## Limits
//! The rule does not judge destinations: a route for a host of the namespace can lead to a tenant, as a call of a pod can.

use super::{Check, Kind, Kinds, NamespaceClass, Request, Rule, RuleReport, Trust, quote};
use crate::policy::claims::{ClaimKind, Owner, resolve};

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::VirtualService, Kind::ServiceEntry, Kind::Ingress]), Kinds::Routes])
    .in_scopes(&[NamespaceClass::Unowned])
    .trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let (own, _) = request.namespace();
    let mut exports = request.claimed(ClaimKind::Export).map(|claim| claim.text()).peekable();
    if exports.peek().is_some() && exports.all(|namespace| [".", "~", own].contains(&namespace)) {
        return;
    }
    for claim in request.claims(ClaimKind::ServedHost) {
        let finding = match resolve(request, &claim.value) {
            Owner::Foreign => "is a host of a tenant, of a shared service or of the mesh",
            Owner::Anyone => "matches hosts of tenants",
            Owner::Malformed => "can be read as a host of a tenant",
            Owner::Own | Owner::Granted | Owner::Platform => continue,
        };
        report.add_with(&claim.path, || {
            let message =
                format!("{} {finding}, and this namespace belongs to no tenant", quote(claim.value.text()));
            let fix = if request.kind == Kind::Ingress || request.kind.is_route() {
                "name a host of your own."
            } else {
                "write `exportTo: [\".\"]`, or name a host of your own."
            };
            (message, fix.to_owned())
        });
    }
}
