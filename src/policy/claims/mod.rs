//! Claims: the names in an object that can lead outside its tenant. Each claim is resolved to an [`Owner`] in one
//! place, for every kind of object that makes it, and worded in one place. A rule says which owners it refuses.

mod address;
mod caller;
mod cidr;
mod claim;
mod endpoint_address;
mod external_name;
mod gateway;
mod header;
mod host;
mod key_source;
mod known_host;
mod namespaces;
mod owner;
mod peers;
mod reference;
mod subject;
mod wording;

use super::Request;
pub use super::fields::ClaimKind;
use super::fields::FieldPlace;
use super::object::{Located, Object, Path, Spec};
use super::verdict::RuleReport;

use wording::describe;

pub use claim::Claim;
pub use host::is_outside_cluster;
pub use owner::Owner;

/// Resolves a claim.
pub fn resolve(request: &Request<'_>, claim: &Claim<'_>) -> Owner {
    match *claim {
        Claim::RequestHeader(name) => header::resolve(name),
        Claim::KnownHost(host) => known_host::resolve(request, host),
        Claim::ServedHost(host) => host::resolve_served(request, host),
        Claim::ReachedHost(host) => host::resolve(request, host),
        Claim::Address(address) => address::resolve(request, address),
        Claim::Gateway(gateway) => gateway::resolve(request, gateway),
        Claim::Delegate(namespace) => namespaces::resolve(request, namespace),
        Claim::Export(namespace) => namespaces::resolve_export(request, namespace),
        Claim::Cidr(rule, range) => peers::resolve_range(request, &rule, range),
        Claim::Namespaces { rule, namespaces, pods } => {
            peers::resolve_namespaces(request, &rule, namespaces, pods)
        }
        Claim::ExternalName(name) => external_name::resolve(request, name),
        Claim::EndpointAddress(address) => endpoint_address::resolve(request, address),
        Claim::Subject(subject) => subject::resolve(request, subject),
        Claim::KeySource(url) => key_source::resolve(request, url),
        Claim::Caller(caller) => caller::resolve(request, caller),
        Claim::Parent(parent) => reference::resolve_parent(request, parent),
        Claim::Backend(backend) => reference::resolve_backend(request, backend),
        Claim::EmptyPeer(_) | Claim::NoPeers(_) => Owner::Anyone,
    }
}

/// Reports the claims of one kind whose owner is one of `refused`.
pub fn refuse(request: &Request<'_>, kind: ClaimKind, refused: &[Owner], report: &mut RuleReport) {
    let owner_of = |claim: &Claim<'_>| Some(resolve(request, claim)).filter(|owner| refused.contains(owner));
    for (claim, place) in request.texts(kind) {
        // Most claims are the tenant's own, and need no path.
        if let Some(owner) = owner_of(&claim) {
            add(request, &claim, &request.found.path(place), owner, report);
        }
        if report.is_full() {
            return;
        }
    }
    for claim in request.views(kind) {
        if let Some(owner) = owner_of(&claim.value) {
            add(request, &claim.value, &claim.path, owner, report);
        }
        if report.is_full() {
            return;
        }
    }
}

fn add(request: &Request<'_>, claim: &Claim<'_>, path: &Path<'_>, owner: Owner, report: &mut RuleReport) {
    report.add_with(path, || describe(request, claim, owner));
    report.may_change(owner.retry());
}

impl<'r> Request<'r> {
    /// False for an object of the baseline, which must equal the baseline's.
    pub fn makes_claims(&self) -> bool {
        match self.object {
            Object::Policy(policy) => self.tenant.is_none() || self.is_tenant_policy(policy),
            _ => true,
        }
    }

    /// Returns the claims of one kind that the object makes, in the order of its fields. An object of the baseline makes
    /// none.
    pub fn claims(&self, kind: ClaimKind) -> impl Iterator<Item = Located<'r, Claim<'r>>> {
        let located = |(value, place)| Located { value, path: self.found.path(place) };
        self.texts(kind).map(located).chain(self.views(kind))
    }

    /// Returns the same claims without their paths, which cost more than most claims.
    pub fn claimed(&self, kind: ClaimKind) -> impl Iterator<Item = Claim<'r>> {
        self.texts(kind).map(|(claim, _)| claim).chain(self.views(kind).map(|claim| claim.value))
    }

    /// Returns the claims that are texts at fields of the kind's table.
    fn texts(&self, kind: ClaimKind) -> impl Iterator<Item = (Claim<'r>, FieldPlace<'r>)> {
        let is_judged = self.makes_claims();
        let found = self.found.claims.iter().filter(move |claim| is_judged && claim.kind == kind);
        found.filter_map(|claim| {
            let value = match claim.kind {
                ClaimKind::RequestHeader => Claim::RequestHeader(&claim.text),
                ClaimKind::KnownHost => Claim::KnownHost(&claim.text),
                ClaimKind::ExternalName => Claim::ExternalName(&claim.text),
                ClaimKind::EndpointAddress => Claim::EndpointAddress(&claim.text),
                ClaimKind::ServedHost => Claim::ServedHost(&claim.text),
                ClaimKind::ReachedHost => Claim::ReachedHost(&claim.text),
                ClaimKind::Address => Claim::Address(&claim.text),
                ClaimKind::Gateway => Claim::Gateway(&claim.text),
                ClaimKind::Delegate => Claim::Delegate(&claim.text),
                ClaimKind::Export => Claim::Export(&claim.text),
                ClaimKind::Peer | ClaimKind::Subject | ClaimKind::KeySource | ClaimKind::Caller => {
                    return None;
                }
            };
            Some((value, claim.place))
        })
    }

    /// Returns the other claims, which are read from a view of the object.
    fn views(&self, kind: ClaimKind) -> impl Iterator<Item = Located<'r, Claim<'r>>> {
        let is_judged = self.makes_claims();
        let spec = match self.object {
            Object::Policy(policy) if is_judged => &policy.spec,
            _ => &Spec::Other,
        };
        let (peers, subjects) = match (spec, kind) {
            (Spec::NetworkPolicy(policy), ClaimKind::Peer) => (Some(policy), None),
            (Spec::RoleBinding(binding), ClaimKind::Subject) => (None, Some(binding)),
            _ => (None, None),
        };
        let keys = match self.object {
            Object::RequestAuthentication(_, policy) if kind == ClaimKind::KeySource => Some(policy),
            _ => None,
        };
        let callers = match spec {
            Spec::AuthorizationPolicy(policy) if kind == ClaimKind::Caller => Some(policy),
            _ => None,
        };
        let subjects = subjects.into_iter().flat_map(subject::claims);
        let route = |meant: ClaimKind| match self.object {
            Object::Route(_, route) if kind == meant => Some(route),
            _ => None,
        };
        let parents = route(ClaimKind::ServedHost).into_iter().flat_map(reference::served);
        let gateways = route(ClaimKind::Gateway).into_iter().flat_map(reference::gateways);
        let backends = route(ClaimKind::ReachedHost).into_iter().flat_map(reference::backends);
        peers
            .into_iter()
            .flat_map(peers::claims)
            .chain(subjects)
            .chain(keys.into_iter().flat_map(key_source::claims))
            .chain(callers.into_iter().flat_map(caller::claims))
            .chain(parents.chain(gateways).chain(backends))
    }
}
