use std::ops::Deref;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{Container, JsonStr, Metadata, MetadataAt, ObjectError, TypedObject, Volume, VolumeMount};
use crate::policy::kind::Kind;
use crate::policy::path::{Located, Path};
use crate::policy::proxy;

/// A pod, or the pod template of a controller.
#[derive(Debug)]
pub struct Workload<'a> {
    pub stage: Stage,
    base: &'static [&'static str],
    template: Template<'a>,
}

/// The point in a pod's life at which its manifest is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// A new pod after all mutating webhooks, about to be stored.
    #[default]
    Mutated,
    /// An existing pod: admission can no longer keep it from running.
    Stored,
    /// A manifest as its author wrote it, in a template or a file: the injector has not run yet.
    Authored,
}

#[derive(Debug, Default, Deserialize)]
struct Template<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Metadata<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    spec: PodSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec<'a> {
    #[serde(default, deserialize_with = "nullable")]
    host_network: bool,
    #[serde(borrow, default)]
    service_account_name: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    ephemeral_containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    volumes: Vec<Volume<'a>>,
}

/// The list of the pod spec that holds a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    Init,
    App,
    Ephemeral,
}

/// Spec of a controller, limited to its pod template.
#[derive(Deserialize)]
struct ControllerSpec<T> {
    #[serde(default = "Option::default")]
    template: Option<T>,
}

/// Spec of a `CronJob`, limited to its job template.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CronJobSpec<T> {
    #[serde(default = "Option::default", bound(deserialize = "T: Deserialize<'de>"))]
    job_template: Option<JobTemplate<T>>,
}

#[derive(Deserialize)]
struct JobTemplate<T> {
    #[serde(default = "Option::default", bound(deserialize = "T: Deserialize<'de>"))]
    spec: Option<ControllerSpec<T>>,
}

const TEMPLATE: &[&str] = &["spec", "template"];
const JOB_TEMPLATE: &[&str] = &["spec", "jobTemplate", "spec", "template"];

impl<'a> Workload<'a> {
    pub(in crate::policy) fn read(kind: Kind, raw: &'a RawValue, stage: Stage) -> Result<Self, ObjectError> {
        if kind == Kind::Pod {
            let TypedObject { metadata, spec, .. } = TypedObject::read(kind, raw)?;
            let template = Template { metadata, spec: spec.unwrap_or_default() };
            return Ok(Self { stage, base: &[], template });
        }
        let (base, template) = template(kind, raw)?;
        Ok(Self { stage: Stage::Authored, base, template })
    }

    pub fn metadata(&'a self) -> MetadataAt<'a> {
        MetadataAt { base: self.base, metadata: &self.template.metadata }
    }

    /// Returns the path of the pod spec.
    pub fn spec_path(&self) -> Path<'static> {
        Path::of(self.base).fields(&["spec"])
    }

    pub fn host_network(&self) -> Located<'static, bool> {
        Located { value: self.template.spec.host_network, path: self.spec_path().fields(&["hostNetwork"]) }
    }

    /// Returns the service account that the pods run as.
    pub fn service_account(&self) -> &str {
        self.template.spec.service_account_name.as_deref().unwrap_or("default")
    }

    /// Returns every volume with its path.
    pub fn volumes(&self) -> impl Iterator<Item = (&Volume<'a>, Path<'static>)> {
        let path = self.spec_path().fields(&["volumes"]);
        let volumes = self.template.spec.volumes.iter().enumerate();
        volumes.map(move |(index, volume)| (volume, path.clone().index(index)))
    }

    /// Returns every container, in this order: init, app, ephemeral.
    pub fn containers(&self) -> impl Iterator<Item = ContainerAt<'_, 'a>> {
        let spec = &self.template.spec;
        [
            (ContainerKind::Init, "initContainers", &spec.init_containers),
            (ContainerKind::App, "containers", &spec.containers),
            (ContainerKind::Ephemeral, "ephemeralContainers", &spec.ephemeral_containers),
        ]
        .into_iter()
        .flat_map(move |(kind, list, containers)| {
            containers.iter().enumerate().map(move |(index, container)| ContainerAt {
                kind,
                list,
                index,
                base: self.base,
                container,
            })
        })
    }
}

impl<'a> Workload<'a> {
    /// Returns the images of the containers. Ephemeral containers are left out, because an update may add them.
    fn images(&self) -> impl Iterator<Item = (ContainerKind, &JsonStr<'a>, Option<&JsonStr<'a>>)> {
        self.containers()
            .filter(|container| container.kind != ContainerKind::Ephemeral)
            .map(|container| (container.kind, &container.container.name, container.container.image.as_ref()))
    }

    /// Returns the containers that have one of the names Istio injects, each with its list and its fields.
    fn mesh_containers(&self) -> impl Iterator<Item = (ContainerKind, &str, Vec<(&str, &str)>)> {
        self.containers().filter(|container| proxy::INJECTED_CONTAINERS.contains(&&*container.name)).map(
            |container| {
                let Container { name, mesh_fields, .. } = container.container;
                let fields = mesh_fields.iter().map(|(field, raw)| (&**field, raw.get()));
                (container.kind, &**name, fields.collect())
            },
        )
    }

    /// Returns the mounts of the mesh's volumes, including those of ephemeral containers.
    fn mesh_mounts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.containers().flat_map(|container| {
            let Container { name, volume_mounts, .. } = container.container;
            let mounts = volume_mounts.iter().filter(|mount| proxy::is_mesh_volume(&mount.name));
            mounts.map(move |mount| (&**name, &*mount.name))
        })
    }
}

/// A container, with its position in the pod.
#[derive(Clone, Copy, Debug)]
pub struct ContainerAt<'o, 'a> {
    pub kind: ContainerKind,
    list: &'static str,
    index: usize,
    base: &'static [&'static str],
    container: &'o Container<'a>,
}

impl<'o, 'a> ContainerAt<'o, 'a> {
    /// Returns the container with the lifetime of its pod, which `Deref` cannot give.
    pub fn get(&self) -> &'o Container<'a> {
        self.container
    }

    /// Returns each volume mount with its path.
    pub fn mounts(&self) -> impl Iterator<Item = (&VolumeMount<'a>, Path<'static>)> {
        let path = self.path().fields(&["volumeMounts"]);
        let mounts = self.container.volume_mounts.iter().enumerate();
        mounts.map(move |(index, mount)| (mount, path.clone().index(index)))
    }

    pub fn path(&self) -> Path<'static> {
        Path::of(self.base).fields(&["spec", self.list]).index(self.index)
    }

    pub fn field_path(&self, fields: &[&'static str]) -> Path<'static> {
        self.path().fields(fields)
    }
}

impl<'a> Deref for ContainerAt<'_, 'a> {
    type Target = Container<'a>;

    fn deref(&self) -> &Container<'a> {
        self.container
    }
}

/// Returns the pod template of a controller, with its path.
fn template<'a, T: Deserialize<'a>>(
    kind: Kind,
    raw: &'a RawValue,
) -> Result<(&'static [&'static str], T), ObjectError> {
    let (base, template) = if kind == Kind::CronJob {
        let schedule = TypedObject::<CronJobSpec<T>>::read(kind, raw)?.spec;
        (JOB_TEMPLATE, schedule.and_then(|spec| spec.job_template?.spec?.template))
    } else {
        (TEMPLATE, TypedObject::<ControllerSpec<T>>::read(kind, raw)?.spec.and_then(|spec| spec.template))
    };
    Ok((base, template.ok_or(ObjectError::NoTemplate(kind.name()))?))
}

/// True if two versions of a workload agree in everything that rules read. Templates are compared byte for byte, so
/// any change to a template is judged again. In a running pod only a few fields can change, so only the fields that
/// rules read are compared.
pub(super) fn judged_fields_unchanged(kind: Kind, old: &RawValue, new: &RawValue) -> bool {
    if kind == Kind::Pod {
        let read = |raw| Workload::read(kind, raw, Stage::Mutated);
        let (Ok(old), Ok(new)) = (read(old), read(new)) else { return false };
        return old.template.metadata.same_mesh_metadata(&new.template.metadata)
            && old.template.spec.host_network == new.template.spec.host_network
            && old.images().eq(new.images())
            && old.mesh_containers().eq(new.mesh_containers())
            && old.mesh_mounts().eq(new.mesh_mounts());
    }
    let read = |raw| template::<&RawValue>(kind, raw).map(|(_, template)| template.get());
    matches!((read(old), read(new)), (Ok(old), Ok(new)) if old == new)
}
