//! Judges a request by every rule that applies, and decides which violations are admitted all the same.

use std::cell::OnceCell;

use super::object::Object;
use super::read_object::ReadObject;
use super::request::Request;
use super::rules::{NamespaceClass, RULES, Rule};
use super::verdict::{JudgeError, Retry, RuleReport, Verdict, Violation, WaivedViolation, WaiverReason};
use super::{Review, ReviewObject, exemption, pod_templates, ratchet};
use crate::kinds::{Kind, Operation, Resource};
use crate::snapshot::{LiveObjectKey, NamespaceOwner, Snapshot};

/// Judges a request against a snapshot.
pub fn judge(review: &Review<'_>, snapshot: &Snapshot) -> Verdict {
    judge_by(RULES, review, snapshot)
}

/// Judges by these rules alone: a benchmark prints the price of rules.
pub fn judge_by(rules: &[Rule], review: &Review<'_>, snapshot: &Snapshot) -> Verdict {
    match try_judge(rules, review, snapshot) {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Unjudged(error),
    }
}

fn try_judge(rules: &[Rule], review: &Review<'_>, snapshot: &Snapshot) -> Result<Verdict, JudgeError> {
    let announced = kind_and_operation(review).or_else(|error| reserved(review, snapshot).ok_or(error));
    if announced.is_err() && review.namespace.is_empty() {
        return judge_templates(rules, review, snapshot);
    }
    let is_cluster_scoped = matches!(announced, Ok((kind, _)) if kind.is_cluster_scoped());
    let owner = if is_cluster_scoped { None } else { Some(namespace_owner(review, snapshot)?) };
    let class = owner.map_or(Some(NamespaceClass::ClusterScoped), |owner| class(review, owner, snapshot));
    let is_protected = class.is_some_and(NamespaceClass::is_protected);
    let is_read =
        |kind: Kind| !is_protected || (class.is_some_and(NamespaceClass::has_baseline) && kind.is_managed());
    let (kind, operation) = match announced {
        Ok((kind, operation)) if is_read(kind) => (kind, operation),
        _ if is_protected => {
            let operation = Operation::parse(review.operation);
            (Kind::Unread, operation.ok_or_else(|| review.unregistered())?)
        }
        _ => return judge_templates(rules, review, snapshot),
    };
    let Some(class) = class else { return Ok(Verdict::default()) };
    let tenant = match owner {
        Some(NamespaceOwner::Tenant(tenant)) => Some((tenant.name.as_str(), Some(tenant))),
        Some(NamespaceOwner::Orphaned(name)) => Some((name, None)),
        _ => None,
    };

    let read = |raw| ReadObject::read(kind, raw, review.stage).map_err(JudgeError::Unreadable);
    let read_now;
    let ReadObject { object, found } = match (operation, review.object) {
        _ if kind == Kind::Unread => {
            read_now = ReadObject::unread();
            &read_now
        }
        (Operation::Create | Operation::Update, Some(ReviewObject::Read(object, _))) => object,
        (Operation::Create | Operation::Update | Operation::Connect, _) => {
            read_now = read(review.object()?.raw()?)?;
            &read_now
        }
        (Operation::Delete, _) => {
            read_now = read(review.old_object()?)?;
            &read_now
        }
    };
    let old = match operation {
        Operation::Create | Operation::Delete | Operation::Connect => None,
        Operation::Update => {
            let raw = review.old_object()?;
            // Rules about pods read only the new object; the ratchet reads the old one when it needs it.
            kind.is_compared().then(|| read(raw)).transpose()?
        }
    };

    let request = Request {
        snapshot,
        review,
        actor: OnceCell::new(),
        old_metadata: OnceCell::new(),
        mesh_revision: OnceCell::new(),
        known_keys: OnceCell::new(),
        is_waypoint: OnceCell::new(),
        kind,
        operation,
        tenant,
        object,
        found,
        old: old.as_ref().map(|old| &old.object),
    };
    let mut refused = Vec::new();
    let mut admitted = Vec::new();
    let mut retry = Retry::Wait;
    let mut needs_lookup = None;
    for rule in rules.iter().filter(|rule| rule.applies(kind, operation, class)) {
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
        match request.waiver(rule, &violations) {
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
    request.name_controller(rules, &mut refused);
    Ok(Verdict::Judged { refused, admitted, contact: request.contact(), retry, needs_lookup })
}

/// Judges the pod templates in an object of a kind that the settings list.
fn judge_templates(rules: &[Rule], review: &Review<'_>, snapshot: &Snapshot) -> Result<Verdict, JudgeError> {
    let is_write = matches!(Operation::parse(review.operation), Some(Operation::Create | Operation::Update));
    let kind = snapshot.settings.template_kind(review.group, review.resource);
    let kind = kind.filter(|_| is_write && review.subresource.is_empty());
    let mut whole = Verdict::default();
    for template in pod_templates::read(kind.ok_or_else(|| review.unregistered())?, review)? {
        let verdict = try_judge(rules, &template.review(review), snapshot);
        template.add(verdict.map_err(|error| template.locate_error(error))?, &mut whole);
    }
    Ok(whole)
}

impl Request<'_> {
    /// Returns the contact of the tenant, if the user may know it.
    fn contact(&self) -> Option<String> {
        let (name, tenant) = self.tenant?;
        tenant.filter(|_| self.may_reveal(name))?.contact.clone()
    }

    /// True if the request adds an ephemeral container in a namespace with an Exemption from `rule`, even an expired
    /// one: a pod there may exist only because of the Exemption.
    fn debugs_exempted_pod(&self, rule: &Rule) -> bool {
        let mut exemptions = self.snapshot.exemptions(self.review.namespace);
        self.is_debugging() && exemptions.any(|exemption| exemption.rules.contains(rule.code()))
    }

    /// Returns the reason to admit violations of `rule`. `Err` if there is none, with the object to look up before
    /// that is certain.
    fn waiver(&self, rule: &Rule, violations: &[Violation]) -> Result<WaiverReason, Option<LiveObjectKey>> {
        let needs_lookup = match exemption::covering_exemption(self.review, self.kind, rule, self.snapshot) {
            Ok(name) => return Ok(WaiverReason::Exempted(name.to_owned())),
            Err(needs_lookup) => needs_lookup,
        };
        if rule.ratchet() && !self.debugs_exempted_pod(rule) && ratchet::had(self, rule, violations) {
            Ok(WaiverReason::Preexisting)
        } else if let Some(reason) = rule.mode(&self.snapshot.settings) {
            Ok(reason)
        } else if self.is_observed() && rule.warns_when_observed() {
            Ok(WaiverReason::Observed)
        } else if self.snapshot.is_break_glass(&self.review.user) {
            Ok(WaiverReason::BreakGlass)
        } else {
            Err(needs_lookup)
        }
    }
}

/// Returns the kind of the object, if rules judge it, and it can be read in the same pass as the review.
pub fn kind_to_read(review: &Review<'_>, snapshot: &Snapshot) -> Option<Kind> {
    let (kind, operation) = kind_and_operation(review).ok()?;
    let is_written = matches!(operation, Operation::Create | Operation::Update);
    let owner = snapshot.owner(review.namespace);
    let is_judged = matches!(owner, Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_)));
    (is_written && is_judged && Object::is_read_in_one_pass(kind)).then_some(kind)
}

/// Returns the kind and the operation that the request announces, if some rule judges them.
pub(super) fn kind_and_operation(review: &Review<'_>) -> Result<(Kind, Operation), JudgeError> {
    let resource = Resource::find(review.group, review.resource, review.subresource);
    let operation = Operation::parse(review.operation);
    match (resource, operation) {
        (Some(resource), Some(operation)) if resource.operations.contains(&operation) => {
            Ok((resource.kind, operation))
        }
        _ => Err(review.unregistered()),
    }
}

/// Returns the operation on an object of a kind that the settings reserve for the platform, or of the controller's
/// reports; no rule reads more of the object than its name.
fn reserved(review: &Review<'_>, snapshot: &Snapshot) -> Option<(Kind, Operation)> {
    let operation = Operation::parse(review.operation)
        .filter(|operation| matches!(operation, Operation::Create | Operation::Update))?;
    let (settings, group, resource) = (&snapshot.settings, review.group, review.resource);
    let is_reserved = settings.is_reserved(group, resource) || settings.is_report(group, resource);
    (is_reserved && !review.namespace.is_empty() && review.subresource.is_empty())
        .then_some((Kind::Unread, operation))
}

/// Returns the owner of the request's namespace.
fn namespace_owner<'w>(
    review: &Review<'_>,
    snapshot: &'w Snapshot,
) -> Result<NamespaceOwner<'w>, JudgeError> {
    match snapshot.owner(review.namespace) {
        Some(NamespaceOwner::Unowned) | None if review.is_in_unowned_namespace => Ok(NamespaceOwner::Unowned),
        Some(NamespaceOwner::Unowned) | None if snapshot.has_trusted_accounts(review.namespace) => {
            Ok(NamespaceOwner::Platform)
        }
        // The API server sends only writes to namespaces in which it sees the tenant label, or that the registration
        // names for a shared service, so this snapshot is older.
        Some(NamespaceOwner::Unowned) | None => {
            Err(JudgeError::UnknownNamespace(review.namespace.to_owned()))
        }
        Some(owner) => Ok(owner),
    }
}

/// Returns the class of the request's namespace; `None` if no rule judges objects in it.
fn class(review: &Review<'_>, owner: NamespaceOwner<'_>, snapshot: &Snapshot) -> Option<NamespaceClass> {
    match owner {
        NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_) => Some(NamespaceClass::Tenant),
        NamespaceOwner::SharedService => Some(NamespaceClass::SharedService),
        NamespaceOwner::Platform if snapshot.is_managed_root(review.namespace) => {
            Some(NamespaceClass::MeshRoot)
        }
        NamespaceOwner::Platform if snapshot.is_protected(review.namespace) => {
            Some(NamespaceClass::Foundation)
        }
        NamespaceOwner::Platform if snapshot.has_trusted_accounts(review.namespace) => {
            Some(NamespaceClass::TrustedAccounts)
        }
        NamespaceOwner::Unowned => Some(NamespaceClass::Unowned),
        NamespaceOwner::Platform => None,
    }
}
