//! # BH604 `foreign-gateway`
//!
//! ## What it refuses
//! Refuses routes on gateways that the tenant is not granted.
//!
//! A VirtualService may name `mesh`, Gateways in namespaces of the tenant, and Gateways that have the name of a granted
//! gateway (`serve.gateways`). This applies to `gateways` of the object and of each match, and to Gateways and ListenerSets
//! in `parentRefs` of the Gateway API's routes. Parents of other kinds are refused, apart from those of BH601.
//!
//! ## Why
//! A gateway serves the hosts of a VirtualService in any namespace, unless its Gateway lists namespaces. A route on a
//! gateway of others can shadow their routes, and calls your pods with the gateway's identity.
//!
//! ## What to write instead
//! Leave `gateways` out, or name a Gateway of your own.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.serve.gateways`, and for `serve.hosts` for the names. The platform's Gateway
//! must have the name of the grant, NAMESPACE/NAME. The rule only warns for
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

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::Gateway, &[Owner::Foreign]);
