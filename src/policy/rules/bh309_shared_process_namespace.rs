//! # BH309 `shared-process-namespace`
//!
//! ## What it refuses
//! Refuses containers that share the processes of the Istio proxy.
//!
//! A pod shares them with `shareProcessNamespace: true`. A debug container shares them with
//! `targetContainerName: istio-proxy` (`kubectl debug --target=istio-proxy`).
//!
//! ## Why
//! Through `/proc` a program reads the files of the proxy: its token, with which it can get another certificate of the
//! service account, and its keys. It can also stop the proxy.
//!
//! ## What to write instead
//! Remove `shareProcessNamespace`, and let containers share a volume instead. Debug your own container:
//! `kubectl debug POD --image=IMAGE --target=CONTAINER --profile=restricted`.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH309.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: one-process-tree, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       shareProcessNamespace: true # BH309
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: two-process-trees, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       shareProcessNamespace: false
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//!         - { name: log, image: registry.example.com/log:1 }
//! ```

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
