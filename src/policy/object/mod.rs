//! Borrowed, typed views of the objects rules judge, one file a shape. A view names only the fields
//! some rule reads, and hands every value out with the path it stands at.

mod container;
mod metadata;
mod namespace;
mod network_policy;
mod owned;
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

use super::kind::{Entry, Kind};
use crate::baseline;

pub use container::{Container, VolumeMount};
pub use metadata::{Labelled, Metadata};
pub use namespace::Namespace;
pub use network_policy::{Direction, NetworkPolicy, Opening, Peer};
pub use owned::Owned;
pub use peer_authentication::PeerAuthentication;
pub use policy::{Policy, Spec};
pub use selector::{Labels, Selector};
pub use sidecar::{Listener, Sidecar};
pub use telemetry::Telemetry;
pub use tenant::Tenant;
pub(super) use text::nullable;
pub use text::{Entries, Text};
pub use token::{Secret, TokenRequest};
pub use virtual_service::VirtualService;
pub use volume::Volume;
pub use workload::{Form, Placed, Role, Workload};

/// One object, read.
#[derive(Debug)]
pub enum Object<'a> {
    Namespace(Namespace<'a>),
    /// A pod, or whatever carries a pod template.
    Workload(Workload<'a>),
    /// Its annotations and labels are laid onto the pod it binds.
    Binding(Metadata<'a>),
    /// Whole if it has a name of the baseline's.
    ServiceAccount(Metadata<'a>, Option<serde_json::Value>),
    TokenRequest(TokenRequest<'a>),
    Secret(Secret<'a>),
    VirtualService(Metadata<'a>, VirtualService<'a>),
    Tenant(Tenant<'a>),
    /// Of a kind whose objects are judged by who writes them.
    Unread,
    Policy(Policy<'a>),
}

/// Why an object cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the request is for a {announced}, but the object is a `{kind}` of `{api_version}`")]
    OtherKind { announced: &'static str, api_version: String, kind: String },
    #[error("a {0} without a pod template")]
    NoTemplate(&'static str),
}

impl<'a> Object<'a> {
    /// Reads `raw` as the announced `kind`, and as nothing else; `form` is how final a pod's text is.
    pub fn read(kind: Kind, raw: &'a RawValue, form: Form) -> Result<Self, Unreadable> {
        Ok(match kind {
            Kind::Namespace => {
                Self::Namespace(Namespace::read(Whole::<IgnoredAny>::read(kind, raw)?.metadata, raw)?)
            }
            Kind::Binding => Self::Binding(Whole::<IgnoredAny>::read(kind, raw)?.metadata),
            Kind::ServiceAccount => {
                let metadata = Whole::<IgnoredAny>::read(kind, raw)?.metadata;
                let whole = of_the_baseline(baseline::Kind::ServiceAccount, metadata.name.as_deref(), raw)?;
                Self::ServiceAccount(metadata, whole)
            }
            Kind::TokenRequest => Self::TokenRequest(Whole::read(kind, raw)?.spec.unwrap_or_default()),
            Kind::Secret => {
                Whole::<IgnoredAny>::read(kind, raw)?;
                Self::Secret(serde_json::from_str(raw.get())?)
            }
            Kind::VirtualService => {
                let (metadata, service) = Whole::read(kind, raw)?.parts(|service| service);
                Self::VirtualService(metadata, service)
            }
            Kind::Tenant => Self::Tenant(Tenant::read(Whole::<IgnoredAny>::read(kind, raw)?.metadata, raw)?),
            Kind::SharedService
            | Kind::Exemption
            | Kind::WasmPlugin
            | Kind::TrafficExtension
            | Kind::ProxyConfig => {
                Whole::<IgnoredAny>::read(kind, raw)?;
                Self::Unread
            }
            Kind::Policy(of) => Self::Policy(Policy::read(of, kind, raw)?),
            _ => Self::Workload(Workload::read(kind, raw, form)?),
        })
    }
}

impl Object<'_> {
    /// Its kind and the whole of it, if it has a name of the baseline's.
    pub fn baseline(&self) -> Option<(baseline::Kind, &serde_json::Value)> {
        match self {
            Self::Policy(policy) => Some((policy.kind, policy.whole.as_ref()?)),
            Self::ServiceAccount(_, baseline) => Some((baseline::Kind::ServiceAccount, baseline.as_ref()?)),
            _ => None,
        }
    }
}

/// The whole object, if it has a name of the baseline's.
fn of_the_baseline(
    kind: baseline::Kind,
    name: Option<&str>,
    raw: &RawValue,
) -> Result<Option<serde_json::Value>, Unreadable> {
    let is_baseline =
        name.is_some_and(|name| baseline::is_baseline(kind, name) || baseline::is_of_the_cluster(kind, name));
    Ok(is_baseline.then(|| serde_json::from_str(raw.get())).transpose()?)
}

/// Whether all that rules with a ratchet read of an object is the same in two states of it; each view says what
/// that is.
pub(super) fn same_region(kind: Kind, old: &RawValue, new: &RawValue) -> bool {
    match kind.entry() {
        Entry::Policies => same_configuration(kind, old, new),
        _ => workload::same_region(kind, old, new),
    }
}

/// All of the spec, since a route that is aimed anew is judged anew, and what the mesh reads beside it.
fn same_configuration(kind: Kind, old: &RawValue, new: &RawValue) -> bool {
    let read = |raw| Whole::<&RawValue>::read(kind, raw);
    let (Ok(old), Ok(new)) = (read(old), read(new)) else { return false };
    old.spec.map(RawValue::get) == new.spec.map(RawValue::get)
        && old.metadata.has_mesh_entries_of(&new.metadata)
}

/// What every object has: it says what it is, and has metadata and a spec.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, S> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Metadata<'a>,
    #[serde(default = "Option::default")]
    spec: Option<S>,
}

impl<'a, S: Deserialize<'a>> Whole<'a, S> {
    fn read(announced: Kind, raw: &'a RawValue) -> Result<Self, Unreadable> {
        let whole: Self = serde_json::from_str(raw.get())?;
        let group = whole.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        if group == announced.group() && *whole.kind == *announced.name() {
            return Ok(whole);
        }
        Err(Unreadable::OtherKind {
            announced: announced.name(),
            api_version: whole.api_version.to_string(),
            kind: whole.kind.to_string(),
        })
    }
}

impl<'a, S: Default> Whole<'a, S> {
    /// Its metadata, and what `made` makes of its spec.
    fn parts<T>(self, made: impl FnOnce(S) -> T) -> (Metadata<'a>, T) {
        (self.metadata, made(self.spec.unwrap_or_default()))
    }
}
