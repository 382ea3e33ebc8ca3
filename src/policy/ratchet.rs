//! The ratchet: an existing violation is only a warning while the fields that rules read stay unchanged. An object
//! that no longer passes can therefore still be scaled down, labelled or finalized.

use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::ReviewObject;
use super::fields::Found;
use super::object::{ObjectError, TypedObject, template, values_at};
use super::pod_changes::same_pod;
use super::read_object::ReadObject;
use super::request::Request;
use super::rules::Rule;
use super::verdict::{RuleReport, Violation};
use crate::keys::Map;
use crate::kinds::{Kind, WebhookEntry};

/// True if `old` has all of these violations of the rule, and so far the fields that rules read are the same in the old
/// and the new object.
pub(super) fn had(request: &Request<'_>, rule: &Rule, violations: &[Violation]) -> bool {
    let Request { kind, review, .. } = *request;
    let (Some(old), Some(Ok(new))) = (review.old_object, review.object.map(ReviewObject::raw)) else {
        return false;
    };
    is_unchanged(kind, old, new) && had_violations(request, rule, old, violations)
}

fn is_unchanged(kind: Kind, old: &RawValue, new: &RawValue) -> bool {
    let unchanged = match kind.entry() {
        Some(WebhookEntry::Policies) if kind == Kind::RoleBinding => {
            same_fields(old, new, &["roleRef", "subjects"])
        }
        Some(WebhookEntry::Policies) => same_configuration(kind, old, new),
        // Of labels and annotations, the rules judge only those that change.
        Some(WebhookEntry::Services) => {
            same_fields(old, new, &["spec", "subsets", "addressType", "endpoints", "ports"])
        }
        Some(WebhookEntry::Workloads) if kind == Kind::Pod => same_pod(old, new),
        Some(WebhookEntry::Workloads) if kind.is_workload() => same_template(kind, old, new),
        // Of these kinds, a ratchet concerns only unknown fields.
        Some(WebhookEntry::Identities | WebhookEntry::Workloads) => Ok(true),
        Some(
            WebhookEntry::Namespaces
            | WebhookEntry::Shared
            | WebhookEntry::Credentials
            | WebhookEntry::Unowned
            | WebhookEntry::Cluster
            | WebhookEntry::Settings,
        )
        | None => Ok(false),
    };
    unchanged.unwrap_or(false)
}

/// True if the rule finds the same violations in the old object, and perhaps more.
fn had_violations(request: &Request<'_>, rule: &Rule, old: &RawValue, violations: &[Violation]) -> bool {
    let Request { snapshot, review, kind, operation, tenant, .. } = *request;
    let Ok(old) = ReadObject::read(kind, old, review.stage) else { return false };
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
        object: &old.object,
        found: &old.found,
        old: Some(&old.object),
    };
    let mut report = RuleReport::new(rule.code());
    rule.judge(&request, &mut report);
    let had = report.into_violations();
    violations.iter().all(|violation| had.contains(violation))
}

/// True if the specs and the labels and annotations that matter are equal. The whole spec is compared, because a route
/// with a new destination must be judged again.
fn same_configuration(kind: Kind, old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let read = |raw| TypedObject::<&RawValue>::read(kind, raw, &mut Found::default());
    let (old, new) = (read(old)?, read(new)?);
    Ok(old.spec.map(RawValue::get) == new.spec.map(RawValue::get)
        && match kind {
            // Controllers of gateways, DNS and certificates act on keys of any domain.
            Kind::KubernetesGateway | Kind::ListenerSet => {
                Map::ALL.iter().all(|map| old.metadata.entries(*map) == new.metadata.entries(*map))
            }
            _ => old.metadata.same_mesh_metadata(&new.metadata),
        })
}

/// True if these fields are equal, byte for byte.
fn same_fields(old: &RawValue, new: &RawValue, fields: &'static [&'static str]) -> Result<bool, ObjectError> {
    fn text<'a>(object: &'a RawValue, field: &'a str) -> Result<Option<&'a str>, ObjectError> {
        Ok(values_at(object, field)?.pop().map(|(_, value)| value.get()))
    }
    for field in fields {
        if text(old, field)? != text(new, field)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// True if the pod templates are equal, byte for byte.
fn same_template(kind: Kind, old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let read =
        |raw| template::<&RawValue>(kind, raw, &mut Found::default()).map(|(_, template)| template.get());
    Ok(read(old)? == read(new)?)
}
