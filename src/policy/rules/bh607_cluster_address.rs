//! # BH607 `cluster-address`
//!
//! ## What it refuses
//! Refuses addresses of the mesh that are not granted.
//!
//! The rule judges `addresses` and the `address` of each of the `endpoints` of ServiceEntries, and `destinationSubnets` of
//! VirtualServices. An address or a range must be within the granted ranges (`reach.cidrs`). The host of an endpoint must
//! be one that BH602 admits as a destination.
//!
//! ## Why
//! Proxies send calls for the host of a ServiceEntry to its endpoints. With the address of another tenant's pod, a gateway
//! calls it with its own identity. The addresses of an entry or a route count in place of those of your Service, so that
//! connections to the Service of another tenant can lead to yours.
//!
//! ## What to write instead
//! Leave the addresses out. For endpoints, select your pods with `workloadSelector`, or write `resolution: DNS`.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.reach.cidrs`. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   hosts: [entry.tenant-beta.svc.cluster.local]
//!   exportTo: ["."]
//!   addresses:
//!     - 10.96.0.20 # BH607
//!     - 0.0.0.0/0 # BH607
//!     # IPv4 in the notation of IPv6, and octal numbers.
//!     - "::ffff:10.96.0.20" # BH607
//!     - 010.0.0.1 # BH607
//!   ports: [{ number: 80, name: http, protocol: HTTP }]
//!   resolution: STATIC
//!   endpoints:
//!     - address: 10.0.0.7 # BH607
//!     - address: web.tenant-acme.svc.cluster.local # BH607
//!     - address: unix:///var/run/app.sock # BH607
//!     - address: localhost # BH607
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: db, namespace: tenant-shop }
//! spec:
//!   hosts: [db.shop.example.com]
//!   exportTo: ["."]
//!   addresses:
//!     - 203.0.112.0/23 # BH607
//!   ports: [{ number: 5432, name: tcp, protocol: TCP }]
//!   resolution: NONE
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: db, namespace: tenant-beta }
//! spec:
//!   hosts: [db]
//!   tcp:
//!     - match:
//!         - destinationSubnets:
//!             - 10.96.0.20/32 # BH607
//!       route: [{ destination: { host: db } }]
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: db, namespace: tenant-shop }
//! spec:
//!   hosts: [db.shop.example.com]
//!   exportTo: ["."]
//!   addresses: [203.0.113.0/25]
//!   ports: [{ number: 5432, name: tcp, protocol: TCP }]
//!   resolution: STATIC
//!   endpoints: [{ address: 203.0.113.7 }, { address: api.example.net }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: old, namespace: tenant-acme }
//! spec:
//!   hosts: [old.tenant-acme.svc.cluster.local]
//!   exportTo: [".", tenant-acme-new]
//!   location: MESH_INTERNAL
//!   ports: [{ number: 80, name: http, protocol: HTTP }]
//!   resolution: STATIC
//!   workloadSelector: { labels: { app: web } }
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule =
    Rule::refusing(ClaimKind::Address, &[Owner::Anyone, Owner::Foreign, Owner::Malformed]);
