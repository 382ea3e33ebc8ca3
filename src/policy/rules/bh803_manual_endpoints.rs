//! # BH803 `manual-endpoints`
//!
//! ## What it refuses
//! Refuses Endpoints and EndpointSlices with ungranted addresses.
//!
//! An address must be in ranges of `reach.cidrs` whose `ports` include every port of the object, with the same
//! protocol. A `targetRef`, the address type `FQDN`, and the names of Kubernetes' controllers in the labels
//! `…/managed-by` are refused too. The controllers of Kubernetes write the endpoints of a Service with a `selector`:
//! the rule does not judge them.
//!
//! ## Why
//! Gateways and shared services call the addresses behind a Service, with their own identity and their own access to the
//! network. With hand-written endpoints a tenant's Service leads them to pods of other tenants, to nodes or to the API
//! server (CVE-2021-25740).
//!
//! ## What to write instead
//! Write a `selector` into the Service, and remove the object.
//!
//! ## How to get it allowed
//! For addresses outside the cluster, ask the platform for `Tenant.spec.grants.reach.cidrs`. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata:
//!   name: web-1
//!   namespace: tenant-acme
//!   labels:
//!     kubernetes.io/service-name: web
//!     endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io # BH803
//! addressType: IPv4
//! endpoints:
//!   - addresses:
//!       - 10.1.9.9 # BH803
//!     targetRef: # BH803
//!       { kind: Pod, namespace: tenant-beta, name: web }
//! ports: [{ port: 8080 }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Endpoints
//! metadata: { name: web, namespace: tenant-acme }
//! subsets:
//!   - addresses:
//!       - ip: 10.1.9.9 # BH803
//!     notReadyAddresses:
//!       - ip: "::ffff:10.1.9.9" # BH803
//!     ports: [{ port: 8080 }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata: { name: web-1, namespace: tenant-acme }
//! addressType: FQDN # BH803
//! endpoints:
//!   - addresses:
//!       - web.tenant-beta.svc.cluster.local # BH803
//! ports: [{ port: 8080 }]
//! ```
//! Another port than the granted ones:
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata: { name: database-1, namespace: tenant-delta }
//! addressType: IPv4
//! endpoints:
//!   - addresses:
//!       - 203.0.113.7 # BH803
//! ports: [{ port: 5432 }, { port: 22 }]
//! ```
//! The granted port with another protocol:
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata: { name: time-1, namespace: tenant-delta }
//! addressType: IPv4
//! endpoints:
//!   - addresses:
//!       - 203.0.113.7 # BH803
//! ports: [{ port: 123 }]
//! ```
//!
//! ## Admitted
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata:
//!   name: database-1
//!   namespace: tenant-delta
//!   labels: { kubernetes.io/service-name: database, endpointslice.kubernetes.io/managed-by: staff }
//! addressType: IPv4
//! endpoints: [{ addresses: [203.0.113.7], conditions: { ready: true } }, { addresses: [203.0.113.8] }]
//! ports: [{ name: postgres, port: 5432, protocol: TCP }]
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: v1
//! kind: Endpoints
//! metadata: { name: database, namespace: tenant-delta }
//! subsets: [{ addresses: [{ ip: 203.0.113.7 }], ports: [{ port: 5432 }, { port: 6432 }] }]
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata: { name: time-1, namespace: tenant-delta }
//! addressType: IPv4
//! endpoints: [{ addresses: [203.0.113.7] }]
//! ports: [{ port: 123, protocol: UDP }]
//! ```
//! An older kind of leader election:
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Endpoints
//! metadata:
//!   name: leader
//!   namespace: tenant-acme
//!   annotations: { control-plane.alpha.kubernetes.io/leader: "{}" }
//! ```
//!
//! ## Limits
//! A program that writes the addresses of its own pods, such as Patroni with `use_endpoints`, is refused: let it use a
//! ConfigMap or a Lease. An audit does not list endpoints, because a stored object does not show its author.

use super::{Check, Kind, Kinds, Rule, Trust, limits};
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::new(Check::Metadata(limits::refuse_keys))
    .kinds(&[Kinds::Only(&[Kind::Endpoints, Kind::EndpointSlice])])
    .refuses(ClaimKind::EndpointAddress, &[Owner::Foreign, Owner::Malformed])
    .trusts(&[Trust::KubeControllers]);
