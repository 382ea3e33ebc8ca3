//! # BH313 `foreign-network`
//!
//! ## What it refuses
//! Refuses labels and annotations of network plugins.
//!
//! These are all keys of `cilium.io`, `cni.projectcalico.org`, `k8s.ovn.org`, `k8s.v1.cni.cncf.io` (Multus),
//! `v1.multus-cni.io` and `vpc.amazonaws.com`, and the annotation `kubernetes.io/config.mirror`, which marks a static pod.
//! Of a pod that exists, only the keys that people and the tenant's service accounts change are judged: the plugins write
//! their own.
//!
//! ## Why
//! A second network is outside of the redirection to the Istio proxy and of the network policies. With an address of its
//! choice a pod can take the place of another pod that callers know by its address.
//!
//! ## What to write instead
//! Remove the key: the cluster's network gives the pod an address. If a controller creates the pod, change its template.
//!
//! ## How to get it allowed
//! With istio-cni (`mesh.istioCni` in the settings) the value `default/istio-cni` of `k8s.v1.cni.cncf.io/networks` is
//! allowed, because Istio writes it. For one workload, ask the platform for an Exemption of BH313.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: two-networks, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         k8s.v1.cni.cncf.io/networks: macvlan # BH313
//!         v1.multus-cni.io/default-network: kube-system/host # BH313
//!         cni.projectcalico.org/ipAddrs: '["10.0.0.7"]' # BH313
//!         policy.cilium.io/no-track-port: "8080" # BH313
//!         kubernetes.io/config.mirror: "1" # BH313
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//! A tenant changes the address of a pod that runs:
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: shop
//!   namespace: tenant-acme
//!   annotations: { cni.projectcalico.org/podIP: 10.0.0.7/32 }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: shop
//!   namespace: tenant-acme
//!   annotations:
//!     cni.projectcalico.org/podIP: 10.0.0.8/32 # BH313
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: one-network, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       annotations: { kubectl.kubernetes.io/default-container: app, prometheus.io/scrape: "true" }
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Limits
//! Keys of other plugins are not known. On a pod that exists, service accounts outside of the tenant may change the keys,
//! because network plugins have such accounts. A pod that a backup restores with `cni.projectcalico.org/…` is refused:
//! leave these annotations out of the backup. `resourceClaims` can add a device that is a network
//! card: let tenants use device classes of the platform only.

use super::{Check, Kind, Kinds, Rule, limits};

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(limits::refuse_keys)).kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::Binding])]);
