//! Claims: the names in an object that can lead outside its tenant. Each claim is resolved to an [`Owner`] in one
//! place, for every kind of object that makes it, and worded in one place. A rule says which owners it refuses.

mod cidr;
mod header;
mod known_host;
mod namespaces;
mod peers;
mod wording;

use super::Request;
pub use super::fields::ClaimKind;
use super::object::{Object, Policy, Selector, Spec, TrafficRule};
use super::path::Located;
use super::verdict::{Retry, RuleReport};

use wording::describe;

/// A name in an object.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'o> {
    /// The name of a request header that a route writes.
    RequestHeader(&'o str),
    /// Hosts that a proxy knows, written as `NAMESPACE/HOST`.
    KnownHost(&'o str),
    /// A range of addresses that a rule of a NetworkPolicy allows.
    Cidr(TrafficRule<'o, 'o>, &'o str),
    /// The namespaces that a rule of a NetworkPolicy allows, and the pods in them.
    Namespaces { rule: TrafficRule<'o, 'o>, namespaces: &'o Selector<'o>, pods: Option<&'o Selector<'o>> },
    /// A peer without a selector and without a range.
    EmptyPeer(TrafficRule<'o, 'o>),
    /// A rule without peers.
    NoPeers(TrafficRule<'o, 'o>),
}

/// The owner of what a claim names, as the tenant of the request sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The tenant itself. Also for names that concern no one else.
    Own,
    /// Another owner, for whom the tenant has a grant.
    Granted,
    /// The platform, which grants it to no one.
    Platform,
    /// Another owner, for whom the tenant has no grant.
    Foreign,
    /// Any owner.
    Anyone,
    /// Programs read the name in different ways.
    Malformed,
}

impl Owner {
    /// Returns the retry that may change the owner: the snapshot may lack a new namespace or a new grant.
    pub fn retry(self) -> Retry {
        match self {
            Self::Foreign => Retry::Refresh,
            Self::Own | Self::Granted | Self::Platform | Self::Anyone | Self::Malformed => Retry::Never,
        }
    }
}

/// Resolves a claim.
pub fn resolve(request: &Request<'_>, claim: &Claim<'_>) -> Owner {
    match *claim {
        Claim::RequestHeader(name) => header::resolve(name),
        Claim::KnownHost(host) => known_host::resolve(request, host),
        Claim::Cidr(rule, range) => peers::resolve_range(request, &rule, range),
        Claim::Namespaces { rule, namespaces, pods } => {
            peers::resolve_namespaces(request, &rule, namespaces, pods)
        }
        Claim::EmptyPeer(_) | Claim::NoPeers(_) => Owner::Anyone,
    }
}

/// Reports the claims of one kind whose owner is one of `refused`.
pub fn refuse(request: &Request<'_>, kind: ClaimKind, refused: &[Owner], report: &mut RuleReport) {
    for claim in request.claims(kind) {
        let owner = resolve(request, &claim.value);
        if refused.contains(&owner) {
            let (message, fix) = describe(request, &claim.value, owner);
            report.add(&claim.path, message, fix);
        }
    }
}

impl<'r> Request<'r> {
    /// Returns the claims of one kind that the object makes, in the order of its fields.
    pub fn claims(&self, kind: ClaimKind) -> impl Iterator<Item = Located<'r, Claim<'r>>> {
        let found = self.found.claims.iter().filter(move |claim| claim.kind == kind);
        let found = found.filter_map(|claim| {
            let value = match claim.kind {
                ClaimKind::RequestHeader => Claim::RequestHeader(&claim.text),
                ClaimKind::KnownHost => Claim::KnownHost(&claim.text),
                ClaimKind::Peer => return None,
            };
            Some(Located { value, path: claim.path.clone() })
        });
        let policy = match self.object {
            Object::Policy(Policy { spec: Spec::NetworkPolicy(policy), .. }) if kind == ClaimKind::Peer => {
                Some(policy)
            }
            _ => None,
        };
        found.chain(policy.into_iter().flat_map(peers::claims))
    }
}
