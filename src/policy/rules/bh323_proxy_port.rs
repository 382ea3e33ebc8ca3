//! # BH323 `proxy-port`
//!
//! ## What it refuses
//! Refuses container ports that are the Istio proxy's own.
//!
//! These are 15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053 and 15090, in a mesh with sidecars, and in any
//! container but Istio's.
//!
//! ## Why
//! The redirection leaves out the proxy's ports, so a program that listens there is reached without mTLS and without a
//! policy. Where the proxy listens too, one of both does not start.
//!
//! ## What to write instead
//! Use another port, such as 8080.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH323.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: beside-the-mesh, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           ports:
//!             - containerPort: 15021 # BH323
//!             - containerPort: 8080
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: in-the-mesh, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           ports: [{ containerPort: 8080 }, { containerPort: 15672 }]
//! ```
//!
//! ## Limits
//! A program can listen on a port that its container does not list, which admission cannot see. The network policies of
//! the baseline apply to these ports too.

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
