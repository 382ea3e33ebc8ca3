//! # BH318 `host-port`
//!
//! ## What it refuses
//! Refuses ports of the node (`hostPort`, `hostIP`).
//!
//! Of a pod on the host network every port is one of the node, so there BH301 judges the network alone.
//!
//! ## Why
//! A call to such a port reaches the pod with the address of the node, which the network policies allow, past the
//! gateways of the mesh. Two pods with the same port cannot run on one node, so a tenant could keep the pods of others
//! away.
//!
//! ## What to write instead
//! Remove `hostPort` and `hostIP`, and create a Service. For callers outside the cluster, ask the platform for
//! `Tenant.spec.grants.serve.gateways`.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH318.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: on-the-node, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           ports:
//!             - containerPort: 8080
//!               hostPort: 8080 # BH318
//!               hostIP: 0.0.0.0 # BH318
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: behind-a-service, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           ports: [{ containerPort: 8080 }]
//! ```

use super::{Request, Rule};
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::limiting().except(is_on_host_network);

/// There the API server makes every port a host port, and BH301 judges the network.
fn is_on_host_network(request: &Request<'_>) -> bool {
    matches!(request.object, Object::Workload(workload) if workload.host_network().value)
}
