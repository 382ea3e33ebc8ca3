//! # BH501 `open-peer`
//!
//! ## What it does
//! Refuses a NetworkPolicy that lets everybody through: a rule without peers, a selector that is held to no names, a
//! range of addresses in which everybody is.
//!
//! A selector of namespaces must name whose they are: `bulkhead.dev/tenant` with the own tenant, or
//! `kubernetes.io/metadata.name`, each as a label or with `In`. What only excludes (`NotIn`, `DoesNotExist`) or takes
//! whatever value there is (`Exists`) names nobody. What `except` leaves out of a range is not looked at.
//!
//! ## Why it matters
//! Network policies only add up: what one opens no other closes, so that a single rule of this kind beside
//! `default-deny-all` undoes it. Charts ship such rules (`ingress: [{ports: [...]}]`), where the port reads like a
//! bound and is none on who calls.
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
//! The plain label `tenant` is not enough: namespaces of nobody may have had it before. An operator that writes rules
//! without peers for its workloads must be told the peers, or to write no policies.

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline::{self, DNS_PORT};
use crate::policy::claims::{Whose, peers};
use crate::policy::kind::Kind;
use crate::policy::object::{Direction, Opening};

pub(super) static RULE: Rule = Rule {
    code: "BH501",
    name: "open-peer",
    kinds: &[&[Kind::Policy(baseline::Kind::NetworkPolicy)]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh501_open_peer.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    for (opening, whose) in peers(scope) {
        if let Whose::Everybody(path, message) = whose {
            findings.report(&path, message, fix(scope, &opening));
        }
    }
}

fn fix(scope: &Scope<'_>, opening: &Opening<'_, '_>) -> String {
    let (list, tenant) = (opening.list(), scope.tenant_name());
    let own = format!(
        "write `{list}: [{{podSelector: {{}}}}]` for this namespace, or in `namespaceSelector` \
         `matchLabels: {{bulkhead.dev/tenant: {tenant}}}`"
    );
    match opening.direction {
        Direction::In => format!("{own}; others call by the Tenant's `serve.gateways` and `callers`"),
        Direction::Out if opening.is_only_for(&[DNS_PORT]) => {
            "leave the rule out: DNS is let through already".to_owned()
        }
        Direction::Out => {
            format!("{own}; DNS, the API server and what the Tenant's `reach` grants are let through already")
        }
    }
}
