//! # BH610 `foreign-delegate`
//!
//! ## What it refuses
//! Refuses routes that continue in a namespace of others.
//!
//! The namespace of a `delegate` must belong to the tenant. Without one, it is the object's own namespace.
//!
//! ## Why
//! The routes of a delegate get your hosts, and keep their destinations. You could lead your callers to destinations
//! that only the delegate's owner may name.
//!
//! ## What to write instead
//! Name a VirtualService in a namespace of your own.
//!
//! ## How to get it allowed
//! Never. The platform can write a VirtualService that delegates to one of yours. The rule only warns for
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
//!   http:
//!     - match: [{ uri: { prefix: /a } }]
//!       delegate:
//!         name: part
//!         namespace: tenant-beta # BH610
//!     - delegate:
//!         name: part
//!         namespace: istio-ingress # BH610
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   http:
//!     - match: [{ uri: { prefix: /a } }]
//!       delegate: { name: part, namespace: tenant-acme-new }
//!     - delegate: { name: rest }
//! ```
//! A delegate:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: rest, namespace: tenant-acme }
//! spec:
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::Delegate, &[Owner::Foreign]);
