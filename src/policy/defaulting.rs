//! Default labels for a new namespace, from the user who creates it.

use std::collections::BTreeSet;

use super::fields::Found;
use super::judge::kind_and_operation;
use super::object::{Metadata, Object};
use super::{JudgeError, Review};
use crate::baseline::{self, Label, missing_labels};
use crate::keys::{MESH_LABELS, TENANT_LABEL};
use crate::kinds::{Kind, Operation};
use crate::snapshot::{Actor, Snapshot};

/// The labels to add to a namespace.
#[derive(Debug, Default)]
pub struct LabelDefaults {
    pub labels: Vec<AddedLabel>,
    /// True if the namespace has a map of labels to add to.
    pub has_labels: bool,
    /// Set if an update dropped the labels, and Bulkhead restores them.
    pub repair: Option<Repair>,
    /// True if nothing is added because the user is in no known tenant: a Tenant may be newer than the snapshot.
    pub actor_unknown: bool,
}

/// The restoring of labels that an update dropped.
#[derive(Clone, Copy, Debug)]
pub struct Repair {
    /// True if the user may know the tenant, and with it the values of the labels.
    pub may_reveal: bool,
}

/// A label to add.
#[derive(Debug)]
pub struct AddedLabel {
    pub key: &'static str,
    pub value: String,
}

/// Returns the labels that the namespace in `review` lacks. Wrong labels are left to the validating webhook. A second
/// call adds nothing.
pub fn default_labels(review: &Review<'_>, snapshot: &Snapshot) -> Result<LabelDefaults, JudgeError> {
    let is_update = match (kind_and_operation(review)?, review.subresource) {
        ((Kind::Namespace, Operation::Create), "") => false,
        ((Kind::Namespace, Operation::Update), "") => true,
        _ => return Err(review.unregistered()),
    };
    let read = |raw| {
        Object::read(Kind::Namespace, raw, review.stage, &mut Found::default())
            .map_err(JudgeError::Unreadable)
    };
    let Object::Namespace(namespace) = read(review.object()?.raw()?)? else {
        return Ok(LabelDefaults::default());
    };
    let namespace = namespace.metadata;
    let actor = snapshot.actor(&review.user);
    let mut repair = None;
    let labels = if is_update {
        match read(review.old_object()?)? {
            Object::Namespace(old) if !snapshot.is_break_glass(&review.user) => {
                let may_reveal = old.tenant().is_none_or(|tenant| actor.may_know(tenant));
                repair = Some(Repair { may_reveal });
                on_update(&actor, &old.metadata, snapshot)
            }
            _ => Vec::new(),
        }
    } else {
        on_create(&actor, &namespace, snapshot)
    };
    let has = |key: &str| namespace.label_value(key).is_some();
    Ok(LabelDefaults {
        labels: missing_labels(labels, |label| label.key, has).collect(),
        has_labels: namespace.has_labels(),
        repair,
        actor_unknown: !is_update && matches!(actor, Actor::Other),
    })
}

/// Returns the labels of a new namespace's tenant: the one in its label, if the user may set it; else the user's own
/// tenant; for the platform, the tenant that the name belongs to.
fn on_create(actor: &Actor<'_>, namespace: &Metadata<'_>, snapshot: &Snapshot) -> Vec<AddedLabel> {
    let tenant = match namespace.label_value(TENANT_LABEL) {
        Some(name) => {
            snapshot.tenant(name).filter(|_| matches!(actor, Actor::Platform) || actor.acts_for(name))
        }
        None if matches!(actor, Actor::Platform) => {
            snapshot.tenant_by_namespace_name(namespace.name_or_generate_name())
        }
        None => actor.tenant_for(namespace.name_or_generate_name()),
    };
    let reserved =
        namespace.name.as_deref().is_some_and(|name| snapshot.settings.is_listed_platform_namespace(name));
    let Some(tenant) = tenant.filter(|_| !reserved) else { return Vec::new() };
    let added = |label: Label<'_>| AddedLabel { key: label.key, value: label.value.to_owned() };
    baseline::labels(&snapshot.settings, tenant).map(added).collect()
}

/// Returns the labels that a namespace had and must keep, unless the platform or the controller removes them.
fn on_update(actor: &Actor<'_>, old: &Metadata<'_>, snapshot: &Snapshot) -> Vec<AddedLabel> {
    let tenant = old.label_value(TENANT_LABEL).and_then(|name| snapshot.tenant(name));
    let is_trusted = matches!(actor, Actor::Platform | Actor::Bulkhead);
    let Some(tenant) = tenant.filter(|_| !is_trusted) else { return Vec::new() };
    let wanted = baseline::labels(&snapshot.settings, tenant).map(|label| label.key);
    let keys: BTreeSet<&'static str> = wanted.chain(MESH_LABELS.iter().copied()).collect();
    keys.into_iter()
        .filter_map(|key| Some(AddedLabel { key, value: old.label_value(key)?.to_owned() }))
        .collect()
}
