//! # BH502 `foreign-peer`
//!
//! ## What it refuses
//! Refuses NetworkPolicy peers that the tenant is not granted.
//!
//! Peers may be the tenant's own namespaces and these:
//!
//! * into the tenant: the namespaces of granted gateways (`serve.gateways`), of `callers`, and of shared services that
//!   call tenants; the API servers' addresses where there are `apiServerCallbacks`;
//! * out of the tenant: the pods of reached shared services and of the egress gateway, by their labels; granted ranges
//!   (`reach.cidrs`) on the ports granted with them; DNS and istiod, by their pods' labels or on their own ports alone; the
//!   API servers on their own ports.
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
//! Out of it: `sharedServices`, `hosts` or `cidrs` in `Tenant.spec.grants.reach`. The rule only warns for tenants with
//! `enforcement: Observe`, for objects that already violated it while the fields that it reads stay unchanged, and for
//! break-glass accounts (`platform.breakGlassGroups`).
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
//!     - to:
//!         - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
//!       ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
//!     - to: [{ ipBlock: { cidr: 169.254.20.10/32 } }]
//!       ports: [{ port: 53, protocol: UDP }]
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::Peer, &[Owner::Foreign, Owner::Malformed]);
