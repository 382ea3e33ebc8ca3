//! The policy engine: decides if a request is admitted, and gives the reasons. The only entry point is [`judge`], and
//! the only result is [`Verdict`]. Pure: no async, no I/O, no clock.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod baseline_names;
pub mod claims;
pub mod defaulting;
mod exemption;
pub mod fields;
pub mod object;
pub mod proxy;
mod ratchet;
mod review;
pub mod rules;
mod verdict;

pub use review::Review;
pub use rules::{NamespaceClass, RULES, Rule, Trust};
pub use verdict::{
    JudgeError, Retry, RuleReport, Verdict, Violation, WaivedViolation, WaiverReason, quote, quote_all,
};

use std::cell::OnceCell;

use crate::api::Subject;
use crate::kinds::{Kind, Operation, Resource};
use crate::snapshot::{Actor, LiveObjectKey, Namespace, NamespaceOwner, Snapshot, Tenant};
use fields::Found;
use object::{Object, Stage};

/// The rules' view of a request.
#[derive(Debug)]
pub struct Request<'r> {
    pub snapshot: &'r Snapshot,
    review: &'r Review<'r>,
    actor: OnceCell<Actor<'r>>,
    pub kind: Kind,
    pub operation: Operation,
    /// The name of the namespace's tenant, and the Tenant itself unless it was deleted.
    pub tenant: Option<(&'r str, Option<&'r Tenant>)>,
    pub object: &'r Object<'r>,
    /// The unknown fields and the claims of the object.
    pub found: &'r Found<'r>,
    /// The object before an update. `None` for other operations, and for kinds that no rule compares with an old
    /// version.
    pub old: Option<&'r Object<'r>>,
}

impl<'r> Request<'r> {
    /// Returns the user's role. Ownership rules depend on it; content rules do not.
    pub fn actor(&self) -> &Actor<'r> {
        self.actor.get_or_init(|| self.snapshot.actor(&self.review.user))
    }

    /// True if the user is one of those who are trusted.
    pub fn is_by(&self, trusted: &[Trust]) -> bool {
        trusted.iter().any(|trust| trust.includes(self.actor()))
    }

    /// True if the user is a service account of `namespace`.
    pub fn is_service_account_in(&self, namespace: &str) -> bool {
        self.review.user.service_account_namespace() == Some(namespace)
    }

    /// Returns the time of the request, in seconds since 1970.
    pub fn time(&self) -> i64 {
        self.review.time
    }

    /// True if the user is `owner`, or a member of that group.
    pub fn user_matches(&self, owner: &Subject) -> bool {
        self.review.user.matches(owner)
    }

    /// True if the namespace's tenant has `enforcement: Observe`.
    pub fn is_observed(&self) -> bool {
        self.tenant.is_some_and(|(_, tenant)| tenant.is_some_and(Tenant::is_observed))
    }

    /// Returns the stage at which the object is judged.
    pub fn stage(&self) -> Stage {
        self.review.stage
    }

    /// Returns the name of the request's namespace, and the namespace in the snapshot.
    pub fn namespace(&self) -> (&'r str, Option<&'r Namespace>) {
        (self.review.namespace, self.snapshot.namespace(self.review.namespace))
    }

    /// Returns the Namespace that the request writes, and its old version.
    pub fn written_namespace(
        &self,
    ) -> Option<(&'r object::NamespaceView<'r>, Option<&'r object::NamespaceView<'r>>)> {
        let Object::Namespace(new) = self.object else { return None };
        let old = match self.old {
            Some(Object::Namespace(old)) => Some(old),
            _ => None,
        };
        Some((new, old))
    }

    /// Returns the name of the tenant that the namespace belongs to; empty if it belongs to no tenant.
    pub fn tenant_name(&self) -> &'r str {
        self.tenant.map_or("", |(name, _)| name)
    }
}

/// Judges a request against a snapshot.
pub fn judge(review: &Review<'_>, snapshot: &Snapshot) -> Verdict {
    match try_judge(review, snapshot) {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Unjudged(error),
    }
}

fn try_judge(review: &Review<'_>, snapshot: &Snapshot) -> Result<Verdict, JudgeError> {
    let (kind, operation) = kind_and_operation(review)?;
    let (class, tenant) = match namespace_owner(review, kind, snapshot)? {
        None => (NamespaceClass::ClusterScoped, None),
        Some(NamespaceOwner::Tenant(tenant)) => {
            (NamespaceClass::Tenant, Some((tenant.name.as_str(), Some(tenant))))
        }
        Some(NamespaceOwner::Orphaned(name)) => (NamespaceClass::Tenant, Some((name, None))),
        Some(NamespaceOwner::SharedService) => (NamespaceClass::SharedService, None),
        Some(NamespaceOwner::Platform) if snapshot.is_managed_root(review.namespace) => {
            (NamespaceClass::MeshRoot, None)
        }
        Some(NamespaceOwner::Platform | NamespaceOwner::Unowned) => return Ok(Verdict::default()),
    };

    let raw = match operation {
        Operation::Delete => review.old_object.ok_or(JudgeError::MissingObject("oldObject"))?,
        Operation::Create | Operation::Update => review.object.ok_or(JudgeError::MissingObject("object"))?,
    };
    let mut found = Found::default();
    let object = Object::read(kind, raw, review.stage, &mut found).map_err(JudgeError::Unreadable)?;
    let old = match operation {
        Operation::Create | Operation::Delete => None,
        Operation::Update => {
            let raw = review.old_object.ok_or(JudgeError::MissingObject("oldObject"))?;
            // Rules about pods read only the new object; the ratchet reads the old one when it needs it.
            kind.is_compared()
                .then(|| Object::read(kind, raw, review.stage, &mut Found::default()))
                .transpose()
                .map_err(JudgeError::Unreadable)?
        }
    };

    let request = Request {
        snapshot,
        review,
        actor: OnceCell::new(),
        kind,
        operation,
        tenant,
        object: &object,
        found: &found,
        old: old.as_ref(),
    };
    let mut refused = Vec::new();
    let mut admitted = Vec::new();
    let mut retry = Retry::Wait;
    let mut needs_lookup = None;
    for rule in RULES.iter().filter(|rule| rule.applies(kind, operation, class)) {
        if request.is_by(rule.trusted()) {
            continue;
        }
        let mut report = RuleReport::new(rule.code());
        rule.judge(&request, &mut report);
        let rule_retry = report.retry().unwrap_or(rule.retry());
        let violations = report.into_violations();
        if violations.is_empty() {
            continue;
        }
        match request.waiver(rule, kind) {
            Ok(reason) => admitted.extend(
                violations.into_iter().map(|violation| WaivedViolation { violation, reason: reason.clone() }),
            ),
            Err(lookup) => {
                retry = retry.min(if lookup.is_some() { Retry::Refresh } else { rule_retry });
                needs_lookup = needs_lookup.or(lookup);
                refused.extend(violations);
            }
        }
    }
    if refused.is_empty() {
        return Ok(Verdict::Judged {
            refused,
            admitted,
            contact: None,
            retry: Retry::Never,
            needs_lookup: None,
        });
    }
    let contact = request.tenant.and_then(|(_, tenant)| tenant?.contact.clone());
    Ok(Verdict::Judged { refused, admitted, contact, retry, needs_lookup })
}

impl Request<'_> {
    /// True if the request adds an ephemeral container in a namespace with an Exemption from `rule`, even an expired
    /// one: a pod there may exist only because of the Exemption.
    fn debugs_exempted_pod(&self, rule: &Rule) -> bool {
        let mut exemptions = self.snapshot.exemptions(self.review.namespace);
        self.review.subresource == "ephemeralcontainers"
            && exemptions.any(|exemption| exemption.rules.contains(rule.code()))
    }

    /// Returns the reason to admit violations of `rule`. `Err` if there is none, with the object to look up before
    /// that is certain.
    fn waiver(&self, rule: &Rule, kind: Kind) -> Result<WaiverReason, Option<LiveObjectKey>> {
        let needs_lookup = match exemption::covering_exemption(self.review, kind, rule, self.snapshot) {
            Ok(name) => return Ok(WaiverReason::Exempted(name.to_owned())),
            Err(needs_lookup) => needs_lookup,
        };
        if rule.ratchet() && !self.debugs_exempted_pod(rule) && ratchet::is_unchanged(kind, self.review) {
            Ok(WaiverReason::Preexisting)
        } else if self.is_observed() && rule.warns_when_observed() {
            Ok(WaiverReason::Observed)
        } else if self.snapshot.is_break_glass(&self.review.user) {
            Ok(WaiverReason::BreakGlass)
        } else {
            Err(needs_lookup)
        }
    }
}

/// Returns the kind and the operation that the request announces, if some rule judges them.
fn kind_and_operation(review: &Review<'_>) -> Result<(Kind, Operation), JudgeError> {
    let resource = Resource::find(review.group, review.resource, review.subresource);
    let operation = Operation::parse(review.operation);
    match (resource, operation) {
        (Some(resource), Some(operation)) if resource.operations.contains(&operation) => {
            Ok((resource.kind, operation))
        }
        _ => Err(review.unregistered()),
    }
}

/// Returns the owner of the request's namespace. `None` for cluster-scoped objects: their rules check ownership
/// themselves.
fn namespace_owner<'w>(
    review: &Review<'_>,
    kind: Kind,
    snapshot: &'w Snapshot,
) -> Result<Option<NamespaceOwner<'w>>, JudgeError> {
    if kind.is_cluster_scoped() {
        return Ok(None);
    }
    match snapshot.owner(review.namespace) {
        // The API server sends only writes to namespaces in which it sees the tenant label, so this snapshot is
        // older.
        Some(NamespaceOwner::Unowned) | None => {
            Err(JudgeError::UnknownNamespace(review.namespace.to_owned()))
        }
        owner => Ok(owner),
    }
}
