//! # BH320 `system-priority`
//!
//! ## What it refuses
//! Refuses priority classes that are for the cluster's own pods.
//!
//! Their names begin with `system-`: `system-node-critical` and `system-cluster-critical`.
//!
//! ## Why
//! The scheduler evicts pods of lower priority to make room, among them those of other tenants, of shared services and
//! of the webhook. A node that is short of memory evicts critical pods last.
//!
//! ## What to write instead
//! Remove `priorityClassName`, or use a class that the platform made for tenants.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH320.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: most-important, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       priorityClassName: system-node-critical # BH320
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: important, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       priorityClassName: tenant-high
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Limits
//! Other classes are not compared. A quota with `scopeSelector` limits the pods of a class in a namespace.

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
