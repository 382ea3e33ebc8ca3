//! # BH604 `foreign-gateway`
//!
//! ## What it refuses
//! Refuses routes on gateways that the tenant is not granted.
//!
//! A VirtualService may name `mesh`, Gateways in namespaces of the tenant, and Gateways that have the name of a granted
//! gateway (`serve.gateways`). This applies to `gateways` of the object and of each match, and to Gateways and ListenerSets
//! in `parentRefs` of the Gateway API's routes. Parents of other kinds are refused, apart from those of BH601.
//!
//! On a granted gateway, a VirtualService may have no `tcp` routes, and no `tls` routes without full names in `sniHosts`.
//! BH806 judges such routes of the Gateway API.
//!
//! ## Why
//! A gateway serves the hosts of a VirtualService in any namespace, unless its Gateway lists namespaces. A route on a
//! gateway of others can shadow their routes, and calls your pods with the gateway's identity. A gateway does not see which
//! host a connection without TLS is for: the oldest of these routes takes the port from all tenants.
//!
//! ## What to write instead
//! Leave `gateways` out, or name a Gateway of your own.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.serve.gateways`, and for `serve.hosts` for the names. The platform's Gateway
//! must have the name of the grant, NAMESPACE/NAME. Routes for connections without TLS on its gateways are written by the
//! platform. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   gateways:
//!     - mesh
//!     - istio-ingress/public # BH604
//!     - tenant-beta/edge # BH604
//!     # The old form: the namespace is the second label.
//!     - public.istio-ingress.svc.cluster.local # BH604
//!   http:
//!     - match:
//!         - gateways:
//!             - istio-ingress/public # BH604
//!       route: [{ destination: { host: web } }]
//!   tcp:
//!     - match:
//!         - gateways:
//!             - public.istio-ingress # BH604
//!       route: [{ destination: { host: web } }]
//! ```
//! Granted is one gateway, not its namespace:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hosts: [shop.example.com]
//!   gateways:
//!     - istio-ingress/public
//!     - istio-ingress/internal # BH604
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: GRPCRoute
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hostnames: [shop.example.com]
//!   parentRefs:
//!     - { name: public, namespace: istio-ingress }
//!     - name: internal # BH604
//!       namespace: istio-ingress
//!     - name: edge # BH604
//!       namespace: tenant-acme
//!     - name: public # BH604
//!       namespace: istio-ingress
//!       kind: ListenerSet
//!     - name: mesh # BH604
//!       group: gateway.networking.x-k8s.io
//!       kind: XMesh
//!   rules: [{ backendRefs: [{ name: web, port: 80 }] }]
//! ```
//!
//! Routes for connections of any host:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: db, namespace: tenant-shop }
//! spec:
//!   hosts: [shop.example.com]
//!   exportTo: ["."]
//!   gateways: [mesh, istio-ingress/public]
//!   tcp:
//!     - route: [{ destination: { host: db } }] # BH604
//!     - match: [{ port: 5432, gateways: [mesh] }, { port: 3306 }] # BH604
//!       route: [{ destination: { host: db } }]
//!     - match: [{ gateways: [edge, public.istio-ingress] }] # BH604
//!       route: [{ destination: { host: db } }]
//!   tls:
//!     - match: [{ sniHosts: [shop.example.com] }]
//!       route: [{ destination: { host: db } }]
//!     - match: [{ sniHosts: [shop.example.com] }, { sniHosts: [], port: 443 }] # BH604
//!       route: [{ destination: { host: db } }]
//!     # Istiod adds no namespace here.
//!     - match: [{ sniHosts: [web] }] # BH604
//!       route: [{ destination: { host: web } }]
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   gateways: [mesh, edge, ./edge, tenant-acme-new/edge, edge.tenant-acme.svc.cluster.local]
//!   http:
//!     - match: [{ gateways: [edge] }]
//!       route: [{ destination: { host: web } }]
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hosts: [shop.example.com]
//!   gateways: [istio-ingress/public, public.istio-ingress.svc.cluster.local]
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! A route for connections that the granted gateway does not follow:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hosts: [web, shop.example.com]
//!   exportTo: [".", istio-ingress]
//!   gateways: [mesh, edge, istio-ingress/public]
//!   tls:
//!     - match: [{ gateways: [istio-ingress/public], sniHosts: [shop.example.com] }]
//!       route: [{ destination: { host: web } }]
//!   tcp:
//!     - match: [{ gateways: [edge] }]
//!       route: [{ destination: { host: web } }]
//! ```

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, quote};
use crate::policy::claims::{Claim, ClaimKind, Owner, resolve};
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::VirtualService]), Kinds::Routes])
    .refuses(ClaimKind::Gateway, &[Owner::Foreign]);

/// Refuses routes for connections to any host on granted gateways.
fn check(request: &Request<'_>, report: &mut RuleReport) {
    const FIX: &str = "write a `tls` route with full names in `sniHosts`, name a Gateway of your own, or ask the platform \
                       to write the route in the gateway's namespace.";
    let Object::VirtualService(_, service) = request.object else { return };
    for route in service.routes_for_any_host() {
        let mut gateways = service.gateways(route.value);
        let granted = gateways.find(|gateway| resolve(request, &Claim::Gateway(gateway)) == Owner::Granted);
        if let Some(gateway) = granted {
            let message = format!(
                "this route takes connections to any host on {}, and other tenants can use the gateway too",
                quote(gateway)
            );
            report.add(&route.path, message, FIX);
        }
    }
}
