//! # BH317 `foreign-probe`
//!
//! ## What it refuses
//! Refuses probes and hooks that call another host than the pod.
//!
//! The rule reads `host` in `httpGet` and `tcpSocket`. Without it the kubelet calls the pod's own address.
//!
//! ## Why
//! The kubelet sends these calls from the node. Network policies let the node reach every pod, so a tenant could call
//! the pods of others and services that only the node reaches. `127.0.0.1` is the node itself.
//!
//! ## What to write instead
//! Remove `host`. If the program listens on `127.0.0.1` only, use an `exec` probe, or let it listen on every address.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH317.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: calls-others, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           livenessProbe:
//!             httpGet:
//!               host: api.tenant-beta.svc # BH317
//!               path: /
//!               port: 8080
//!           readinessProbe:
//!             tcpSocket:
//!               host: 127.0.0.1 # BH317
//!               port: 10250
//!           lifecycle:
//!             postStart:
//!               httpGet:
//!                 host: 169.254.169.254 # BH317
//!                 path: /latest/meta-data
//!                 port: 80
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: calls-itself, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           livenessProbe:
//!             httpGet: { path: /, port: 8080, httpHeaders: [{ name: Host, value: app.example.com }] }
//!           readinessProbe: { exec: { command: [app, ready] } }
//! ```

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
