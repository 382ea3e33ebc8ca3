//! # BH602 `foreign-destination`
//!
//! ## What it refuses
//! Refuses routes and mirrors to destinations of others.
//!
//! The rule judges the destinations and mirrors of VirtualServices, the host that `rewrite.authority` writes into a
//! request, and `tunnel.targetHost` of DestinationRules. The hosts that it admits are those of BH601.
//!
//! ## Why
//! A gateway or a shared service that follows your route calls the destination with its own identity, which the
//! destination's owner may trust. A mirror copies requests to a tenant that has not asked for them.
//!
//! ## What to write instead
//! Route to a Service in a namespace of your own.
//!
//! ## How to get it allowed
//! Ask the platform for `sharedServices` or `hosts` in `Tenant.spec.grants.reach`. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   hosts: [web]
//!   http:
//!     - route:
//!         - destination:
//!             host: web.tenant-acme.svc.cluster.local # BH602
//!         - destination: { host: web }
//!       mirror:
//!         host: log-collector.shared-services.svc.cluster.local # BH602
//!       mirrors:
//!         - destination:
//!             host: web.tenant-acme # BH602
//!     - rewrite:
//!         authority: web.tenant-acme.svc.cluster.local # BH602
//!       route: [{ destination: { host: web } }]
//!   tcp:
//!     - route:
//!         - destination:
//!             host: 10.0.0.1 # BH602
//!   tls:
//!     - match: [{ sniHosts: [web] }]
//!       route:
//!         - destination:
//!             host: api.example.com # BH602
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   host: web
//!   subsets:
//!     - name: proxy
//!       trafficPolicy:
//!         tunnel:
//!           protocol: CONNECT
//!           targetHost: api.example.com # BH602
//!           targetPort: 443
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1alpha3
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   http:
//!     - rewrite: { uri: /v2, authority: web.tenant-acme-new.svc.cluster.local }
//!       route: [{ destination: { host: web.tenant-acme-new.svc.cluster.local, port: { number: 80 } } }]
//!       mirrors: [{ destination: { host: canary }, percentage: { value: 5 } }]
//!     - redirect: { authority: www.example.com }
//! ```
//! A call to a granted host, with another name in the request:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: pictures, namespace: tenant-shop }
//! spec:
//!   hosts: [pictures]
//!   exportTo: ["."]
//!   http:
//!     - rewrite: { authority: eu.objects.example.net }
//!       route: [{ destination: { host: eu.objects.example.net, port: { number: 443 } } }]
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule =
    Rule::refusing(ClaimKind::ReachedHost, &[Owner::Anyone, Owner::Foreign, Owner::Malformed]);
