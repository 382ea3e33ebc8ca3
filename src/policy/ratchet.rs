//! The ratchet: an existing violation is only a warning while the fields that rules read stay unchanged. An object
//! that no longer passes can therefore still be scaled down, labelled or finalized.

use serde_json::value::RawValue;

use super::fields::Found;
use super::object::{
    Container, ContainerKind, JsonStr, Object, ObjectError, Stage, TypedObject, Workload, template,
};
use super::proxy::{INJECTED_CONTAINERS, is_mesh_volume};
use super::{Review, ReviewObject};
use crate::kinds::{Kind, WebhookEntry};

/// True if all fields that rules read of this kind are the same before and after, and so are the unknown and the limited
/// fields, of which the new object has those in `found`.
pub(super) fn is_unchanged(kind: Kind, review: &Review<'_>, found: &Found<'_>) -> bool {
    let (Some(old), Some(Ok(new))) = (review.old_object, review.object.map(ReviewObject::raw)) else {
        return false;
    };
    let unchanged = match kind.entry() {
        Some(WebhookEntry::Policies) => same_configuration(kind, old, new),
        Some(WebhookEntry::Workloads) if kind == Kind::Pod => same_pod(old, new),
        Some(WebhookEntry::Workloads) if kind.is_workload() => same_template(kind, old, new),
        // Of these kinds, a ratchet concerns only the fields in `found`.
        Some(WebhookEntry::Identities | WebhookEntry::Workloads) => Ok(true),
        Some(WebhookEntry::Namespaces | WebhookEntry::Shared | WebhookEntry::Cluster) | None => Ok(false),
    };
    unchanged.unwrap_or(false) && same_found_fields(kind, review.stage, old, found)
}

fn same_found_fields(kind: Kind, stage: Stage, old: &RawValue, found: &Found<'_>) -> bool {
    if found.is_plain() {
        return true;
    }
    let mut old_found = Found::default();
    Object::read(kind, old, stage, &mut old_found).is_ok() && found.has_same_fields(&old_found)
}

/// True if the specs and Istio's labels and annotations are equal. The whole spec is compared, because a route with a
/// new destination must be judged again.
fn same_configuration(kind: Kind, old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let read = |raw| TypedObject::<&RawValue>::read(kind, raw, &mut Found::default());
    let (old, new) = (read(old)?, read(new)?);
    Ok(old.spec.map(RawValue::get) == new.spec.map(RawValue::get)
        && old.metadata.same_judged_keys(&new.metadata, kind))
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
    Ok(old.metadata().metadata.same_judged_keys(new.metadata().metadata, Kind::Pod)
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
