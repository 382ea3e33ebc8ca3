//! # BH319 `own-resolver`
//!
//! ## What it refuses
//! Refuses pods that ask other name servers than the cluster's.
//!
//! `dnsPolicy` must be absent, `ClusterFirst` or `ClusterFirstWithHostNet`, and `dnsConfig.nameservers` must be absent.
//! Search domains and options such as `ndots` are free.
//!
//! ## Why
//! The baseline lets pods reach only the DNS of the cluster, so such a pod resolves no name. The proxy and istiod find
//! each other by names of the cluster: with another resolver, a pod can be led to another istiod.
//!
//! ## What to write instead
//! Remove `dnsPolicy` and `dnsConfig.nameservers`. The cluster's DNS forwards names of other domains, as the platform
//! sets it up.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH319.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: other-names, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       dnsPolicy: None # BH319
//!       dnsConfig:
//!         nameservers:
//!           - 203.0.113.53 # BH319
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: fewer-queries, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       dnsPolicy: ClusterFirst
//!       dnsConfig: { searches: [acme.example.com], options: [{ name: ndots, value: "2" }] }
//!       hostAliases: [{ ip: 127.0.0.1, hostnames: [app.local] }]
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
