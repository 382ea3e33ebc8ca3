//! # BH501 `open-peer`
//!
//! ## What it refuses
//! Refuses NetworkPolicy rules that match any namespace or address.
//!
//! These are rules without peers, peers without a selector or an address range, `namespaceSelector`s that do not name
//! namespaces, and CIDRs wider than /8. A `namespaceSelector` names namespaces by `bulkhead.dev/tenant` with your own
//! tenant, or by `kubernetes.io/metadata.name`, as a label or with the operator `In`. The operators `NotIn`,
//! `DoesNotExist` and `Exists` name none. The rule ignores the `except` of an `ipBlock`.
//!
//! ## Why
//! NetworkPolicies only add up: no policy closes what another one opens, so that a single rule of this kind undoes
//! `default-deny-all`. Charts ship such rules (`ingress: [{ports: [...]}]`), where the port looks like a limit but does
//! not limit who calls.
//!
//! ## What to write instead
//! Write `from: [{podSelector: {}}]` (or `to`) for the pods of this namespace, or
//! `namespaceSelector: {matchLabels: {bulkhead.dev/tenant: NAME}}` for those of your tenant. Leave out rules for DNS
//! and the API server: the baseline allows both. If a chart or an operator writes the policy, configure the peers
//! there, or turn its policies off.
//!
//! ## How to get it allowed
//! Ask the platform to grant the traffic; the baseline then allows it without a policy of yours. Into the tenant:
//! `Tenant.spec.grants.serve.gateways`, `Tenant.spec.grants.callers`, `Tenant.spec.grants.apiServerCallbacks`. Out of
//! it: `sharedServices`, `hosts` and `cidrs` in `Tenant.spec.grants.reach`. The rule only warns for tenants with
//! `enforcement: Observe`, for objects that already violated it while the fields that it reads stay unchanged, and for
//! break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: database, namespace: tenant-acme }
//! spec:
//!   podSelector: { matchLabels: { app: database } }
//!   ingress:
//!     - ports: [{ port: 5432 }] # BH501
//!     - from: [{ podSelector: {} }]
//!     - from:
//!         - podSelector: {}
//!         - namespaceSelector: {} # BH501
//!         - podSelector: { matchLabels: { app: web } }
//!           namespaceSelector: # BH501
//!             matchExpressions: [{ key: bulkhead.dev/tenant, operator: Exists }]
//!         - namespaceSelector: # BH501
//!             matchExpressions: [{ key: bulkhead.dev/tenant, operator: NotIn, values: [beta] }]
//!         - namespaceSelector: # BH501
//!             matchLabels: { team: ours }
//!   egress:
//!     - {} # BH501
//!     - to: [] # BH501
//!     - to:
//!         - ipBlock:
//!             cidr: 0.0.0.0/0 # BH501
//!             except: [10.0.0.0/8]
//!         - ipBlock:
//!             cidr: 128.0.0.0/1 # BH501
//!         - ipBlock:
//!             cidr: "::/0" # BH501
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: database, namespace: tenant-acme }
//! spec:
//!   podSelector: { matchLabels: { app: database } }
//!   policyTypes: [Ingress, Egress]
//!   ingress:
//!     - from: [{ podSelector: { matchLabels: { app: web } } }]
//!       ports: [{ port: 5432 }]
//!     - from:
//!         - namespaceSelector: { matchLabels: { bulkhead.dev/tenant: acme } }
//!           podSelector: { matchExpressions: [{ key: app, operator: Exists }] }
//!   egress: []
//! ```
//!
//! ## Limits
//! The plain label `tenant` does not name namespaces: namespaces of no tenant may already have had it. An operator that
//! writes rules without peers for its workloads must be configured with peers, or to write no policies.

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::Peer, &[Owner::Anyone]);
