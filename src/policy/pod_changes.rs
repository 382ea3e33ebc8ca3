//! Compares two versions of a pod in the fields that rules read.

use serde_json::value::RawValue;

use super::fields::Found;
use super::object::{Container, ContainerKind, JsonStr, ObjectError, Stage, Workload};
use super::proxy::{INJECTED_CONTAINERS, is_mesh_volume};
use crate::kinds::Kind;

/// True if two versions of a pod have the same mesh containers, apart from their resources.
pub(super) fn same_mesh_containers(old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    fn without_resources<'w>(
        (kind, name, mut fields): (ContainerKind, &'w str, Vec<(&'w str, &'w str)>),
    ) -> (ContainerKind, &'w str, Vec<(&'w str, &'w str)>) {
        fields.retain(|(field, _)| !["resources", "resizePolicy"].contains(field));
        (kind, name, fields)
    }

    let [old, new] = pods(old, new)?;
    Ok(mesh_containers(&old).map(without_resources).eq(mesh_containers(&new).map(without_resources)))
}

fn pods<'a>(old: &'a RawValue, new: &'a RawValue) -> Result<[Workload<'a>; 2], ObjectError> {
    let read = |raw| Workload::read(Kind::Pod, raw, Stage::Mutated, &mut Found::default());
    Ok([read(old)?, read(new)?])
}

/// True if two versions of a pod agree in the fields that rules read: few others can change in a running pod.
pub(super) fn same_pod(old: &RawValue, new: &RawValue) -> Result<bool, ObjectError> {
    let [old, new] = pods(old, new)?;
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
        let Container { name, mesh_fields, variables, .. } = container.get();
        let fields = mesh_fields.iter().map(|(field, raw)| (&**field, raw.get()));
        let fields = fields.chain(variables.iter().map(|raw| ("env", raw.get())));
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
