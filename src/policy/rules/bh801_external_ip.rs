//! # BH801 `external-ip`
//!
//! ## What it refuses
//! Refuses Services that choose an address outside the cluster.
//!
//! These are the fields `externalIPs` and `loadBalancerIP`.
//!
//! ## Why
//! Every node sends the traffic for an external address to the pods of the Service, no matter who owns the address
//! (CVE-2020-8554). A tenant could receive the calls of others to a host outside the cluster, or to a load balancer.
//!
//! ## What to write instead
//! Remove the field.
//!
//! For calls from outside the cluster, use a gateway that the platform grants. With a quota for load balancers, their
//! controller chooses the address.
//!
//! ## How to get it allowed
//! Never. The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the
//! fields that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { app: web }
//!   ports: [{ port: 443 }]
//!   externalIPs:
//!     - 203.0.113.7 # BH801
//!     - 2001:db8::7 # BH801
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   type: LoadBalancer
//!   loadBalancerIP: 203.0.113.7 # BH801
//!   selector: { app: web }
//!   ports: [{ port: 443 }]
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme, labels: { app.kubernetes.io/name: web } }
//! spec:
//!   selector: { app: web }
//!   externalIPs: []
//!   sessionAffinity: ClientIP
//!   ports: [{ name: http, port: 80, targetPort: http, appProtocol: http }]
//! ```
//! The Service of a StatefulSet:
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: queue, namespace: tenant-acme }
//! spec:
//!   clusterIP: None
//!   publishNotReadyAddresses: true
//!   selector: { app: queue }
//!   ports: [{ port: 5672 }]
//! ```
//!
//! ## Limits
//! The rule does not judge `clusterIP`: the API server has chosen an address before it asks the webhook, and does not say
//! who chose it. It refuses an address that is in use.

use super::{Kind, Kinds, Rule};

pub(super) const RULE: Rule = Rule::limiting().kinds(&[Kinds::Only(&[Kind::Service])]);
