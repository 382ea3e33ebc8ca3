//! # BH319 `own-resolver`
//!
//! ## What it refuses
//! Refuses pods that resolve the cluster's names in another way.
//!
//! `dnsPolicy` must be absent, `ClusterFirst` or `ClusterFirstWithHostNet`, and `dnsConfig.nameservers` must be in the
//! setting `allowedNameservers`. The names in `hostAliases`, and `hostnameOverride`, must not be names of the cluster: with
//! `.svc` at the end or in the middle, below `cluster.local`, or beginning with `istiod`. Search domains, options such as
//! `ndots` and other names are free.
//!
//! ## Why
//! The baseline lets pods reach only the DNS of the cluster, so such a pod resolves no name. The proxy and istiod find
//! each other by names of the cluster: with another resolver or hosts file, the proxy can be led to another istiod.
//!
//! ## What to write instead
//! Remove `dnsPolicy` and `dnsConfig.nameservers`. The cluster's DNS forwards names of other domains, as the platform
//! sets it up. Give a host alias a name outside the cluster's domain.
//!
//! ## How to get it allowed
//! The platform lists name servers in the setting `allowedNameservers`. For one workload, ask the platform for an
//! Exemption of BH319.
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
//!       hostAliases:
//!         - ip: 203.0.113.7
//!           hostnames:
//!             - istiod.istio-system.svc # BH319
//!             - web.tenant-beta.svc.cluster.local # BH319
//!             - api.example.com
//!       hostnameOverride: istiod.istio-system.svc # BH319
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
//! The platform has listed this name server:
//! ```yaml as alice in acme-developers, in snapshot name-servers
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: more-names, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       dnsConfig: { nameservers: [203.0.113.53] }
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Limits
//! If istiod has another name, such as one of a public domain, a host alias can replace it.

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
