//! What is allowed, and why. One way in, [`judge`]; one way out, [`Verdict`]. Pure: no async, no I/O,
//! no clock.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod claims;
mod exemption;
pub mod kind;
pub mod labelling;
pub mod object;
pub mod path;
mod protection;
pub mod proxy;
mod ratchet;
mod review;
pub mod rules;
mod verdict;

pub use review::Review;
pub use rules::{Place, RULES, Rule};
pub use verdict::{Admitted, Findings, Retry, Unjudged, Verdict, Violation, Why, quote, quote_all};

use std::cell::OnceCell;

use crate::api::Subject;
use crate::snapshot::{Actor, Namespace, LiveObjectKey, NamespaceOwner, Tenant, Snapshot};
use kind::{Door, Kind, Operation};
use object::{Form, Object};

/// What a rule sees of a request.
#[derive(Debug)]
pub struct Scope<'r> {
    pub snapshot: &'r Snapshot,
    review: &'r Review<'r>,
    actor: OnceCell<Actor<'r>>,
    pub operation: Operation,
    /// The name of the namespace's tenant, and the tenant itself unless it is gone.
    pub tenant: Option<(&'r str, Option<&'r Tenant>)>,
    pub object: &'r Object<'r>,
    /// The object as it was, on an update.
    pub old: Option<&'r Object<'r>>,
}

impl<'r> Scope<'r> {
    /// Who asks. Ownership rules look at it; content rules do not.
    pub fn actor(&self) -> &Actor<'r> {
        self.actor.get_or_init(|| self.snapshot.actor(&self.review.user))
    }

    /// Whether who asks is a service account of the namespace.
    pub fn is_service_account_in(&self, namespace: &str) -> bool {
        self.review.user.service_account_namespace() == Some(namespace)
    }

    /// When it is asked, in seconds since 1970.
    pub fn time(&self) -> i64 {
        self.review.time
    }

    /// Whether who asks is `owner`, or of that group.
    pub fn user_matches(&self, owner: &Subject) -> bool {
        self.review.user.matches(owner)
    }

    /// Whether the namespace's tenant is observed.
    pub fn is_observed(&self) -> bool {
        self.tenant.is_some_and(|(_, tenant)| tenant.is_some_and(Tenant::is_observed))
    }

    /// How final the object's text is.
    pub fn form(&self) -> Form {
        self.review.form
    }

    /// The namespace written in, as the snapshot has it.
    pub fn namespace(&self) -> (&'r str, Option<&'r Namespace>) {
        (self.review.namespace, self.snapshot.namespace(self.review.namespace))
    }

    /// The namespace that is written itself, and the same before.
    pub fn namespaces(&self) -> Option<(&'r object::Namespace<'r>, Option<&'r object::Namespace<'r>>)> {
        let Object::Namespace(new) = self.object else { return None };
        let old = match self.old {
            Some(Object::Namespace(old)) => Some(old),
            _ => None,
        };
        Some((new, old))
    }

    /// The name of the tenant whose namespace this is; empty for a namespace of nobody.
    pub fn tenant_name(&self) -> &'r str {
        self.tenant.map_or("", |(name, _)| name)
    }
}

/// Judges one request in one world.
pub fn judge(review: &Review<'_>, snapshot: &Snapshot) -> Verdict {
    match try_judge(review, snapshot) {
        Ok(verdict) => verdict,
        Err(why) => Verdict::Unjudged(why),
    }
}

fn try_judge(review: &Review<'_>, snapshot: &Snapshot) -> Result<Verdict, Unjudged> {
    let (kind, operation) = registered(review)?;
    let (place, tenant) = match owner(review, kind, snapshot)? {
        None => (Place::Cluster, None),
        Some(NamespaceOwner::Tenant(tenant)) => (Place::Tenants, Some((tenant.name.as_str(), Some(tenant)))),
        Some(NamespaceOwner::Orphaned(name)) => (Place::Tenants, Some((name, None))),
        Some(NamespaceOwner::SharedService) => (Place::Shared, None),
        Some(NamespaceOwner::Platform) if snapshot.is_managed_root(review.namespace) => (Place::Root, None),
        Some(NamespaceOwner::Platform | NamespaceOwner::Unowned) => return Ok(Verdict::default()),
    };

    let raw = match operation {
        Operation::Delete => review.old_object.ok_or(Unjudged::NoObject("oldObject"))?,
        Operation::Create | Operation::Update => review.object.ok_or(Unjudged::NoObject("object"))?,
    };
    let object = Object::read(kind, raw, review.form).map_err(Unjudged::Unreadable)?;
    let old = match operation {
        Operation::Create | Operation::Delete => None,
        Operation::Update => {
            let raw = review.old_object.ok_or(Unjudged::NoObject("oldObject"))?;
            // The rules of pods look at what is to be; the ratchet reads the old one when it must.
            kind.is_compared()
                .then(|| Object::read(kind, raw, review.form))
                .transpose()
                .map_err(Unjudged::Unreadable)?
        }
    };

    let scope = Scope {
        snapshot,
        review,
        actor: OnceCell::new(),
        operation,
        tenant,
        object: &object,
        old: old.as_ref(),
    };
    let mut refused = Vec::new();
    let mut admitted = Vec::new();
    let mut retry = Retry::Wait;
    let mut unknown = None;
    for rule in RULES.iter().filter(|rule| rule.places.contains(&place) && rule.judges(kind)) {
        let mut findings = Findings::of(rule);
        (rule.check)(&scope, &mut findings);
        let violations = findings.into_violations();
        if violations.is_empty() {
            continue;
        }
        match scope.admits(rule, kind) {
            Ok(why) => admitted
                .extend(violations.into_iter().map(|violation| Admitted { violation, why: why.clone() })),
            Err(unlooked) => {
                retry = retry.min(if unlooked.is_some() { Retry::Look } else { rule.retry });
                unknown = unknown.or(unlooked);
                refused.extend(violations);
            }
        }
    }
    if refused.is_empty() {
        return Ok(Verdict::Judged { refused, admitted, contact: None, retry: Retry::Never, unknown: None });
    }
    let contact = scope.tenant.and_then(|(_, tenant)| tenant?.contact.clone());
    Ok(Verdict::Judged { refused, admitted, contact, retry, unknown })
}

impl Scope<'_> {
    /// Whether a container is to debug with in a namespace where some pod may be only by an exemption, be it over.
    fn debugs_where_exempted(&self, rule: &Rule) -> bool {
        let mut exemptions = self.snapshot.exemptions(self.review.namespace);
        self.review.subresource == "ephemeralcontainers"
            && exemptions.any(|exemption| exemption.rules.contains(rule.code))
    }

    /// Why what `rule` is against is admitted; `Err` if it is not, with what must be looked at to be sure.
    fn admits(&self, rule: &Rule, kind: Kind) -> Result<Why, Option<LiveObjectKey>> {
        let unknown = match exemption::covers(self.review, kind, rule, self.snapshot) {
            Ok(name) => return Ok(Why::Exempted(name.to_owned())),
            Err(unknown) => unknown,
        };
        if rule.ratchet && !self.debugs_where_exempted(rule) && ratchet::lets_be(kind, self.review) {
            Ok(Why::Before)
        } else if self.is_observed() && rule.can_be_observed() {
            Ok(Why::Observed)
        } else if self.snapshot.is_break_glass(&self.review.user) {
            Ok(Why::BrokenGlass)
        } else {
            Err(unknown)
        }
    }
}

/// The kind and the operation announced, if some rule is written for them.
fn registered(review: &Review<'_>) -> Result<(Kind, Operation), Unjudged> {
    let door = Door::find(review.group, review.resource, review.subresource);
    let operation = Operation::named(review.operation);
    match (door, operation) {
        (Some(door), Some(operation)) if door.operations.contains(&operation) => Ok((door.kind, operation)),
        _ => Err(review.unregistered()),
    }
}

/// Whose the namespace is that is written in; `None` for what is in none: its rules ask themselves.
fn owner<'w>(review: &Review<'_>, kind: Kind, snapshot: &'w Snapshot) -> Result<Option<NamespaceOwner<'w>>, Unjudged> {
    if kind.is_of_the_cluster() {
        return Ok(None);
    }
    match snapshot.owner(review.namespace) {
        // The API server sends what is written where it sees the tenant label: this snapshot is older.
        Some(NamespaceOwner::Unowned) | None => Err(Unjudged::UnknownNamespace(review.namespace.to_owned())),
        owner => Ok(owner),
    }
}
