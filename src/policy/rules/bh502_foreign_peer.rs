//! # BH502 `foreign-peer`
//!
//! ## What it refuses
//! Refuses NetworkPolicy peers that the tenant is not granted.
//!
//! Peers may be the tenant's own namespaces and these:
//!
//! * into the tenant: the namespaces of granted gateways (`serve.gateways`), of `callers` on the ports granted to them,
//!   and of shared services that call tenants; for `apiServerCallbacks` the API servers' addresses, on the port and for
//!   the pods of the grant;
//! * out of the tenant: the pods of reached shared services, of the egress gateway, of DNS and of istiod; granted
//!   ranges (`reach.cidrs`); the addresses of DNS and of the API servers.
//!
//! Out of the tenant, a peer is allowed only with the pods' labels in its `podSelector`, which DNS and istiod do not need,
//! and only in a rule that lists no other ports and protocols than the grant. The ports are those that the baseline opens: port 53 of DNS, port 15012 of
//! istiod, the ports of the SharedService. A named port is refused, because each pod defines its own number for it.
//!
//! ## Why
//! A connection needs both sides to be open, but the other side may be open already, or may cooperate. Only the
//! platform decides which peers a tenant may name.
//!
//! ## What to write instead
//! Remove the peer. The baseline already allows the granted traffic, so that no policy of yours is needed for it.
//!
//! ## How to get it allowed
//! Ask the platform for a grant. Into the tenant: `Tenant.spec.grants.serve.gateways`, `Tenant.spec.grants.callers`.
//! Out of it: `sharedServices`, `hosts` or `cidrs` in `Tenant.spec.grants.reach`, with `protocol: UDP` for a range
//! that is called by UDP. The rule only warns for tenants with `enforcement: Observe`, for objects that already
//! violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: partners, namespace: tenant-acme }
//! spec:
//!   podSelector: {}
//!   ingress:
//!     - from:
//!         - namespaceSelector: # BH502
//!             matchLabels: { bulkhead.dev/tenant: beta }
//!         - namespaceSelector: # BH502
//!             matchExpressions: [{ key: bulkhead.dev/tenant, operator: In, values: [acme, beta] }]
//!         - namespaceSelector: # BH502
//!             matchLabels: { kubernetes.io/metadata.name: tenant-beta }
//!         - ipBlock:
//!             cidr: 203.0.113.7/32 # BH502
//!   egress:
//!     - to:
//!         - namespaceSelector: # BH502
//!             matchLabels: { kubernetes.io/metadata.name: shared-services }
//!         - ipBlock:
//!             cidr: 10.0.0.0/8 # BH502
//!             except: [10.0.0.0/9]
//!         - ipBlock:
//!             cidr: "::ffff:10.0.0.0/104" # BH502
//!         - namespaceSelector: # BH502
//!             matchLabels: { kubernetes.io/metadata.name: kube-system }
//!     - to:
//!         - namespaceSelector: # BH502
//!             matchLabels: { kubernetes.io/metadata.name: istio-system }
//!           podSelector: { matchLabels: { app: istiod } }
//!       ports: [{ port: 15012 }, { port: 15010 }]
//! ```
//! Where DNS is elsewhere (`network.dns`), `kube-system` has no port for tenants:
//! ```yaml as alice in acme-developers, in snapshot openshift
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: dns, namespace: tenant-acme }
//! spec:
//!   podSelector: {}
//!   egress:
//!     - to:
//!         - namespaceSelector: # BH502
//!             matchLabels: { kubernetes.io/metadata.name: kube-system }
//!       ports: [{ port: 53, protocol: UDP }]
//!     - to:
//!         - namespaceSelector: # BH502
//!             matchLabels: { kubernetes.io/metadata.name: openshift-dns }
//!       ports: [{ port: 53, protocol: UDP }]
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   podSelector: { matchLabels: { app: web } }
//!   ingress:
//!     - from:
//!         - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: tenant-acme-new } }
//!   egress:
//!     - to:
//!         - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: shared-services } }
//!           podSelector: { matchLabels: { app: log-collector } }
//!       ports: [{ port: 8080 }]
//!     - to:
//!         - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
//!       ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
//!     - to: [{ ipBlock: { cidr: 169.254.20.10/32 } }]
//!       ports: [{ port: 53, protocol: UDP }]
//! ```
//! ```yaml as alice in acme-developers, in snapshot openshift
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: dns, namespace: tenant-acme }
//! spec:
//!   podSelector: {}
//!   egress:
//!     - to:
//!         - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: openshift-dns } }
//!       ports: [{ port: 5353, protocol: UDP }, { port: 5353, protocol: TCP }]
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: time, namespace: tenant-delta }
//! spec:
//!   podSelector: {}
//!   egress:
//!     - to: [{ ipBlock: { cidr: 203.0.113.7/32 } }]
//!       ports: [{ port: 123, protocol: UDP }]
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::Peer, &[Owner::Foreign, Owner::Malformed]);
