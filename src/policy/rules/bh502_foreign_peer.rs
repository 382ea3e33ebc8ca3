//! # BH502 `foreign-peer`
//!
//! ## What it does
//! Refuses a NetworkPolicy with a peer by name that is neither the tenant's own nor granted to it.
//!
//! In may come from the namespaces of granted gateways (`serve.gateways`), of `callers` and of shared services that
//! call tenants, and from the API servers where there are `apiServerCallbacks`. Out may go to the pods of reached
//! shared services and of the egress gateway, by their labels; to granted ranges (`reach.cidrs`) on the ports granted
//! with them; to DNS, istiod and the API servers on their own ports. All of this the baseline lets through already: to
//! say it again harms nothing.
//!
//! ## Why it matters
//! On the network one side alone does not make a connection, but the other side may be open, or in league. Who
//! may be named is what the platform has granted, and nothing else.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::claims::{Whose, peers};
use crate::policy::kind::Kind;
use crate::policy::object::Direction;

pub(super) static RULE: Rule = Rule {
    code: "BH502",
    name: "foreign-peer",
    kinds: &[&[Kind::Policy(baseline::Kind::NetworkPolicy)]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    // The namespace, or the grant, may be a moment old.
    retry: Retry::Look,
    source: include_str!("bh502_foreign_peer.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    for (opening, whose) in peers(scope) {
        let fix = match opening.direction {
            Direction::In => "remove it, or ask the platform to grant it: `serve.gateways`, `callers`",
            Direction::Out => {
                "remove it, or ask the platform to grant it: `reach.sharedServices`, `reach.hosts`, \
                 `reach.cidrs`; what is granted is let through already"
            }
        };
        if let Whose::Foreign(path, message) = whose {
            findings.report(&path, message, fix);
        }
    }
}
