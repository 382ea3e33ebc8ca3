//! # BH805 `load-balancer-class`
//!
//! ## What it refuses
//! Refuses classes of load balancers that the settings do not list.
//!
//! ## Why
//! The class selects the controller of a load balancer, and so the network to which the Service is open. Without a class,
//! the platform's default decides.
//!
//! ## What to write instead
//! Remove the field.
//!
//! ## How to get it allowed
//! Ask the platform to list the class in the setting `allowedLoadBalancerClasses`. A load balancer also needs a quota
//! (`Tenant.spec.namespaceQuota`). The rule only warns for tenants with `enforcement: Observe`, for objects that already
//! violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   type: LoadBalancer
//!   loadBalancerClass: tailscale # BH805
//!   selector: { app: web }
//!   ports: [{ port: 443 }]
//! ```
//!
//! ## Admitted
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-delta }
//! spec:
//!   type: LoadBalancer
//!   loadBalancerClass: example.com/internal
//!   loadBalancerSourceRanges: [203.0.113.0/24]
//!   externalTrafficPolicy: Local
//!   selector: { app: web }
//!   ports: [{ port: 443 }]
//! ```

use super::{Kind, Kinds, Rule};

pub(super) const RULE: Rule = Rule::limiting().kinds(&[Kinds::Only(&[Kind::Service])]);
