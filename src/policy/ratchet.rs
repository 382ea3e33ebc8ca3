//! The ratchet: an existing violation is only a warning while the fields that rules read stay unchanged. An object
//! that no longer passes can therefore still be scaled down, labelled or finalized.

use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::ReviewObject;
use super::fields::Found;
use super::object::{Container, ContainerKind, JsonStr, ObjectError, Stage, TypedObject, Workload, template};
use super::proxy::{INJECTED_CONTAINERS, is_mesh_volume};
use super::read_object::ReadObject;
use super::request::Request;
use super::rules::Rule;
use super::verdict::{RuleReport, Violation};
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
        Some(WebhookEntry::Policies) => same_configuration(kind, old, new),
        Some(WebhookEntry::Workloads) if kind == Kind::Pod => same_pod(old, new),
        Some(WebhookEntry::Workloads) if kind.is_workload() => same_template(kind, old, new),
        // Of these kinds, a ratchet concerns only unknown fields.
        Some(WebhookEntry::Identities | WebhookEntry::Workloads) => Ok(true),
        Some(WebhookEntry::Namespaces | WebhookEntry::Shared | WebhookEntry::Cluster) | None => Ok(false),
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

/// True if the specs and Istio's labels and annotations are equal. The whole spec is compared, because a route with a
/// new destination must be judged again.
fn same_configuration(kind: Kind, old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let read = |raw| TypedObject::<&RawValue>::read(kind, raw, &mut Found::default());
    let (old, new) = (read(old)?, read(new)?);
    Ok(old.spec.map(RawValue::get) == new.spec.map(RawValue::get)
        && old.metadata.same_mesh_metadata(&new.metadata))
}

/// True if the pod templates are equal, byte for byte.
fn same_template(kind: Kind, old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let read =
        |raw| template::<&RawValue>(kind, raw, &mut Found::default()).map(|(_, template)| template.get());
    Ok(read(old)? == read(new)?)
}

/// True if two versions of a pod agree in the fields that rules read: few others can change in a running pod.
fn same_pod(old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let old = Workload::read(Kind::Pod, old, Stage::Mutated, &mut Found::default())?;
    let new = Workload::read(Kind::Pod, new, Stage::Mutated, &mut Found::default())?;
    Ok(old.metadata().metadata.same_mesh_metadata(new.metadata().metadata)
        && old.host_network().value == new.host_network().value
        && images(&old).eq(images(&new))
        && mesh_containers(&old).eq(mesh_containers(&new))
        && mesh_mounts(&old).eq(mesh_mounts(&new)))
}

/// Returns the images of the containers. Ephemeral containers are left out, because an update may add them.
fn images<'w, 'a>(
    pod: &'w Workload<'a>,
) -> impl Iterator<Item = (ContainerKind, &'w JsonStr<'a>, Option<&'w JsonStr<'a>>)> {
    let containers = pod.containers().filter(|container| container.kind != ContainerKind::Ephemeral);
    containers.map(|container| (container.kind, &container.get().name, container.get().image.as_ref()))
}

/// Returns the containers that have one of the names Istio injects, each with its list and its fields.
fn mesh_containers<'w>(
    pod: &'w Workload<'_>,
) -> impl Iterator<Item = (ContainerKind, &'w str, Vec<(&'w str, &'w str)>)> {
    let containers = pod.containers().filter(|container| INJECTED_CONTAINERS.contains(&&*container.name));
    containers.map(|container| {
        let Container { name, mesh_fields, .. } = container.get();
        let fields = mesh_fields.iter().map(|(field, raw)| (&**field, raw.get()));
        (container.kind, &**name, fields.collect())
    })
}

/// Returns the mounts of the mesh's volumes, including those of ephemeral containers.
fn mesh_mounts<'w>(pod: &'w Workload<'_>) -> impl Iterator<Item = (&'w str, &'w str)> {
    pod.containers().flat_map(|container| {
        let Container { name, volume_mounts, .. } = container.get();
        let mounts = volume_mounts.iter().filter(|mount| is_mesh_volume(&mount.name));
        mounts.map(move |mount| (&**name, &*mount.name))
    })
}
