//! Borrowed, typed views of the objects rules judge, one file a shape. A view names only the fields
//! some rule reads, and hands every value out with the path it stands at.

mod container;
mod metadata;
mod namespace;
mod network_policy;
mod owner_info;
mod peer_authentication;
mod policy;
mod selector;
mod sidecar;
mod telemetry;
mod tenant;
mod text;
mod token;
mod virtual_service;
mod volume;
mod workload;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::kind::{Kind, WebhookEntry};
use crate::baseline;

pub use container::{Container, VolumeMount};
pub use metadata::{Metadata, MetadataAt};
pub use namespace::NamespaceView;
pub use network_policy::{Direction, NetworkPolicy, Peer, TrafficRule};
pub use owner_info::OwnerInfo;
pub use peer_authentication::PeerAuthentication;
pub use policy::{Policy, Spec};
pub use selector::{Selector, WorkloadSelector};
pub use sidecar::{Listener, Sidecar};
pub use telemetry::Telemetry;
pub use tenant::TenantView;
pub(super) use text::nullable;
pub use text::{JsonStr, StringMap};
pub use token::{Secret, TokenRequest};
pub use virtual_service::VirtualService;
pub use volume::Volume;
pub use workload::{ContainerAt, ContainerKind, Stage, Workload};

/// One object, read.
#[derive(Debug)]
pub enum Object<'a> {
    Namespace(NamespaceView<'a>),
    /// A pod, or whatever carries a pod template.
    Workload(Workload<'a>),
    /// Its annotations and labels are laid onto the pod it binds.
    Binding(Metadata<'a>),
    /// Whole if it has a name of the baseline's.
    ServiceAccount(Metadata<'a>, Option<serde_json::Value>),
    TokenRequest(TokenRequest<'a>),
    Secret(Secret<'a>),
    VirtualService(Metadata<'a>, VirtualService<'a>),
    Tenant(TenantView<'a>),
    /// Of a kind whose objects are judged by who writes them.
    Opaque,
    Policy(Policy<'a>),
}

/// Why an object cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the request is for a {announced}, but the object is a `{kind}` of `{api_version}`")]
    OtherKind { announced: &'static str, api_version: String, kind: String },
    #[error("a {0} without a pod template")]
    NoTemplate(&'static str),
}

impl<'a> Object<'a> {
    /// Reads `raw` as the announced `kind`, and as nothing else; `stage` is how final a pod's text is.
    pub fn read(kind: Kind, raw: &'a RawValue, stage: Stage) -> Result<Self, ObjectError> {
        Ok(match kind {
            Kind::Namespace => Self::Namespace(NamespaceView::read(
                TypedObject::<IgnoredAny>::read(kind, raw)?.metadata,
                raw,
            )?),
            Kind::Binding => Self::Binding(TypedObject::<IgnoredAny>::read(kind, raw)?.metadata),
            Kind::ServiceAccount => {
                let metadata = TypedObject::<IgnoredAny>::read(kind, raw)?.metadata;
                let object =
                    read_baseline_object(baseline::Kind::ServiceAccount, metadata.name.as_deref(), raw)?;
                Self::ServiceAccount(metadata, object)
            }
            Kind::TokenRequest => Self::TokenRequest(TypedObject::read(kind, raw)?.spec.unwrap_or_default()),
            Kind::Secret => {
                TypedObject::<IgnoredAny>::read(kind, raw)?;
                Self::Secret(serde_json::from_str(raw.get())?)
            }
            Kind::VirtualService => {
                let (metadata, service) = TypedObject::read(kind, raw)?.into_parts(|service| service);
                Self::VirtualService(metadata, service)
            }
            Kind::Tenant => {
                Self::Tenant(TenantView::read(TypedObject::<IgnoredAny>::read(kind, raw)?.metadata, raw)?)
            }
            Kind::SharedService
            | Kind::Exemption
            | Kind::WasmPlugin
            | Kind::TrafficExtension
            | Kind::ProxyConfig => {
                TypedObject::<IgnoredAny>::read(kind, raw)?;
                Self::Opaque
            }
            Kind::Policy(of) => Self::Policy(Policy::read(of, kind, raw)?),
            _ => Self::Workload(Workload::read(kind, raw, stage)?),
        })
    }
}

impl Object<'_> {
    /// Its kind and the whole of it, if it has a name of the baseline's.
    pub fn baseline(&self) -> Option<(baseline::Kind, &serde_json::Value)> {
        match self {
            Self::Policy(policy) => Some((policy.kind, policy.object.as_ref()?)),
            Self::ServiceAccount(_, baseline) => Some((baseline::Kind::ServiceAccount, baseline.as_ref()?)),
            _ => None,
        }
    }
}

/// The whole object, if it has a name of the baseline's.
fn read_baseline_object(
    kind: baseline::Kind,
    name: Option<&str>,
    raw: &RawValue,
) -> Result<Option<serde_json::Value>, ObjectError> {
    let is_baseline = name.is_some_and(|name| {
        baseline::is_baseline_name(kind, name) || baseline::is_cluster_object_name(kind, name)
    });
    Ok(is_baseline.then(|| serde_json::from_str(raw.get())).transpose()?)
}

/// Whether all that rules with a ratchet read of an object is the same in two states of it; each view says what
/// that is.
pub(super) fn judged_fields_unchanged(kind: Kind, old: &RawValue, new: &RawValue) -> bool {
    match kind.entry() {
        WebhookEntry::Policies => configuration_unchanged(kind, old, new),
        _ => workload::judged_fields_unchanged(kind, old, new),
    }
}

/// All of the spec, since a route that is aimed anew is judged anew, and what the mesh reads beside it.
fn configuration_unchanged(kind: Kind, old: &RawValue, new: &RawValue) -> bool {
    let read = |raw| TypedObject::<&RawValue>::read(kind, raw);
    let (Ok(old), Ok(new)) = (read(old), read(new)) else { return false };
    old.spec.map(RawValue::get) == new.spec.map(RawValue::get)
        && old.metadata.same_mesh_metadata(&new.metadata)
}

/// What every object has: it says what it is, and has metadata and a spec.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypedObject<'a, S> {
    #[serde(borrow)]
    api_version: JsonStr<'a>,
    #[serde(borrow)]
    kind: JsonStr<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Metadata<'a>,
    #[serde(default = "Option::default")]
    spec: Option<S>,
}

impl<'a, S: Deserialize<'a>> TypedObject<'a, S> {
    fn read(announced: Kind, raw: &'a RawValue) -> Result<Self, ObjectError> {
        let object: Self = serde_json::from_str(raw.get())?;
        let group = object.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        if group == announced.group() && *object.kind == *announced.name() {
            return Ok(object);
        }
        Err(ObjectError::OtherKind {
            announced: announced.name(),
            api_version: object.api_version.to_string(),
            kind: object.kind.to_string(),
        })
    }
}

impl<'a, S: Default> TypedObject<'a, S> {
    /// Its metadata, and what `made` makes of its spec.
    fn into_parts<T>(self, made: impl FnOnce(S) -> T) -> (Metadata<'a>, T) {
        (self.metadata, made(self.spec.unwrap_or_default()))
    }
}
