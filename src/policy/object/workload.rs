use std::ops::Deref;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::text::nullable;
use super::{
    Container, JsonStr, Located, Metadata, MetadataAt, ObjectError, Path, StringMap, TypedObject, Volume,
    VolumeMount,
};
use crate::kinds::Kind;
use crate::policy::fields::Found;

/// A pod, or a pod template.
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
    #[serde(borrow, default)]
    node_name: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    scheduler_name: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    node_selector: StringMap<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    tolerations: Vec<Toleration<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    ephemeral_containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    volumes: Vec<Volume<'a>>,
}

#[derive(Debug, Deserialize)]
pub struct Toleration<'a> {
    /// Every taint, if it is absent or empty.
    #[serde(borrow, default)]
    pub key: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    pub effect: Option<JsonStr<'a>>,
}

/// The list of the pod spec that holds a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    Init,
    App,
    Ephemeral,
}

/// Spec of a controller, or a whole `PodTemplate`, limited to the pod template.
#[derive(Deserialize)]
struct WithTemplate<T> {
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
    spec: Option<WithTemplate<T>>,
}

impl<'a> Workload<'a> {
    pub(in crate::policy) fn read(
        kind: Kind,
        raw: &'a RawValue,
        stage: Stage,
        found: &mut Found<'a>,
    ) -> Result<Self, ObjectError> {
        if kind == Kind::Pod {
            return Ok(Self::pod(TypedObject::read(kind, raw, found)?, stage));
        }
        let (base, template) = template(kind, raw, found)?;
        Ok(Self { stage: Stage::Authored, base, template })
    }

    /// Reads a pod; the inner result fails for an object of another kind.
    pub(super) fn deserialize_pod<D: Deserializer<'a>>(
        deserializer: D,
        stage: Stage,
        found: &mut Found<'a>,
    ) -> Result<Result<Self, ObjectError>, D::Error> {
        let object = TypedObject::deserialize_as(Kind::Pod, deserializer, found)?;
        Ok(object.checked(Kind::Pod).map(|object| Self::pod(object, stage)))
    }

    fn pod(object: TypedObject<'a, PodSpec<'a>>, stage: Stage) -> Self {
        let TypedObject { metadata, spec, .. } = object;
        Self { stage, base: &[], template: Template { metadata, spec: spec.unwrap_or_default() } }
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

    /// Returns the node that the pod names or runs on.
    pub fn node_name(&self) -> Option<Located<'static, &str>> {
        self.named(self.template.spec.node_name.as_deref(), "nodeName")
    }

    pub fn scheduler_name(&self) -> Option<Located<'static, &str>> {
        self.named(self.template.spec.scheduler_name.as_deref(), "schedulerName")
    }

    /// Returns a text of the pod spec, if it is not empty.
    fn named<'w>(&self, value: Option<&'w str>, field: &'static str) -> Option<Located<'static, &'w str>> {
        let value = value.filter(|value| !value.is_empty())?;
        Some(Located { value, path: self.spec_path().fields(&[field]) })
    }

    pub fn node_selector(&self) -> Located<'static, &StringMap<'a>> {
        let path = self.spec_path().fields(&["nodeSelector"]);
        Located { value: &self.template.spec.node_selector, path }
    }

    pub fn tolerations(&self) -> impl Iterator<Item = Located<'static, &Toleration<'a>>> {
        let tolerations: &[_] = &self.template.spec.tolerations;
        Located { value: tolerations, path: self.spec_path().fields(&["tolerations"]) }.elements()
    }

    /// Returns the service account that the pods run as.
    pub fn service_account(&self) -> &str {
        self.template.spec.service_account_name.as_deref().unwrap_or("default")
    }

    pub fn service_account_path(&self) -> Path<'static> {
        self.spec_path().fields(&["serviceAccountName"])
    }

    pub fn volumes(&self) -> Located<'static, &[Volume<'a>]> {
        Located { value: &self.template.spec.volumes, path: self.spec_path().fields(&["volumes"]) }
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

    pub fn volume_mounts(&self) -> Located<'static, &'o [VolumeMount<'a>]> {
        Located { value: &self.container.volume_mounts, path: self.path().fields(&["volumeMounts"]) }
    }

    pub fn path(&self) -> Path<'static> {
        Path::of(self.base).fields(&["spec", self.list]).index(self.index)
    }

    /// Returns the path of a field, given by the names from the container to it.
    pub fn field_path<'k>(&self, fields: &[&'k str]) -> Path<'k> {
        self.path().fields(fields)
    }

    /// Returns the path of an element of a list, given by the names from the container to the list.
    pub fn element_path<'k>(&self, list: &[&'k str], index: usize) -> Path<'k> {
        self.field_path(list).index(index)
    }
}

impl<'a> Deref for ContainerAt<'_, 'a> {
    type Target = Container<'a>;

    fn deref(&self) -> &Container<'a> {
        self.container
    }
}

/// Returns the pod template of an object, with its path.
pub(in crate::policy) fn template<'a, T: Deserialize<'a>>(
    kind: Kind,
    raw: &'a RawValue,
    found: &mut Found<'a>,
) -> Result<(&'static [&'static str], T), ObjectError> {
    let template = if kind == Kind::CronJob {
        let schedule = TypedObject::<CronJobSpec<T>>::read(kind, raw, found)?.spec;
        schedule.and_then(|spec| spec.job_template?.spec?.template)
    } else if kind == Kind::PodTemplate {
        TypedObject::<IgnoredAny>::read(kind, raw, found)?;
        serde_json::from_str::<WithTemplate<T>>(raw.get())?.template
    } else {
        TypedObject::<WithTemplate<T>>::read(kind, raw, found)?.spec.and_then(|spec| spec.template)
    };
    kind.template().zip(template).ok_or(ObjectError::NoTemplate(kind.name()))
}
