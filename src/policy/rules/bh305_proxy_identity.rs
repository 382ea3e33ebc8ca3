//! # BH305 `proxy-identity`
//!
//! ## What it refuses
//! Refuses containers with the user or the group of the Istio proxy.
//!
//! That id is 1337, or `mesh.proxyUser` in the settings. The rule reads `runAsUser`, `runAsGroup`, `fsGroup` and
//! `supplementalGroups` of the pod, and those of its own containers. Istio's containers are judged by BH304. In the pod
//! of a gateway (BH324) the proxy is the only container, so there the rule judges nothing.
//!
//! ## Why
//! The redirection leaves out the traffic of this user and of this group: the proxy would otherwise call itself. A
//! program with this id speaks plaintext to any address, with no policy and no identity.
//!
//! ## What to write instead
//! Use another id, such as 10001. If an image expects 1337, build it with another user. An init container that used the
//! id to reach the network before the proxy does not need it with native sidecars: the proxy starts first.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH305.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: as-the-proxy, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       securityContext:
//!         runAsUser: 1337 # BH305
//!         runAsGroup: 1337 # BH305
//!         fsGroup: 1337 # BH305
//!         supplementalGroups:
//!           - 2000
//!           - 1337 # BH305
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           securityContext:
//!             runAsUser: 1337 # BH305
//!             runAsGroup: 1337 # BH305
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: as-itself, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       securityContext: { runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, supplementalGroups: [2000] }
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           securityContext: { runAsUser: 0 }
//! ```
//!
//! ## Limits
//! An image has a user of its own, which admission cannot see, and a program that runs as root or with `SETUID` can
//! change its user. Set `runAsNonRoot: true`, `runAsUser`, `runAsGroup`, `allowPrivilegeEscalation: false` and
//! `drop: [ALL]` to exclude both. The network policies of the baseline hold for every user.

use super::{Request, Rule};

/// Nothing redirects the traffic of a gateway's pod, and its only container is the proxy.
pub(super) const RULE: Rule = Rule::limiting().except(is_gateway);

fn is_gateway(request: &Request<'_>) -> bool {
    request.is_gateway()
}
