use serde::de::{Deserialize, Deserializer, Error, IgnoredAny};
use serde_json::value::RawValue;

use super::{
    AuthorizationPolicy, KubernetesGateway, LimitRange, Metadata, NetworkPolicy, ObjectError,
    PeerAuthentication, RoleBinding, ServiceEntry, Sidecar, Telemetry, TypedObject, is_baseline_name,
    read_baseline_object,
};
use crate::kinds::Kind;
use crate::policy::fields::Found;

/// An object of a kind that the baseline has objects of.
#[derive(Debug)]
pub struct Policy<'a> {
    pub kind: Kind,
    pub metadata: Metadata<'a>,
    pub spec: Spec<'a>,
    /// The whole object, if it has the name of a baseline object.
    pub(super) object: Option<serde_json::Value>,
}

/// The part of the spec that rules read.
#[derive(Debug)]
pub enum Spec<'a> {
    AuthorizationPolicy(AuthorizationPolicy<'a>),
    KubernetesGateway(KubernetesGateway<'a>),
    LimitRange(LimitRange<'a>),
    NetworkPolicy(NetworkPolicy<'a>),
    PeerAuthentication(PeerAuthentication<'a>),
    ServiceEntry(ServiceEntry<'a>),
    Sidecar(Sidecar<'a>),
    Telemetry(Telemetry<'a>),
    RoleBinding(RoleBinding<'a>),
    /// A spec that no rule reads.
    Other,
}

impl<'a> Policy<'a> {
    /// Reads all but the whole object. Fails for other kinds; the inner result, for an object of another kind.
    pub(super) fn deserialize<D: Deserializer<'a>>(
        kind: Kind,
        deserializer: D,
        found: &mut Found<'a>,
    ) -> Result<Result<Self, ObjectError>, D::Error> {
        match kind {
            Kind::NetworkPolicy => Self::with_spec(kind, deserializer, found, Spec::NetworkPolicy),
            Kind::AuthorizationPolicy => {
                Self::with_spec(kind, deserializer, found, Spec::AuthorizationPolicy)
            }
            Kind::PeerAuthentication => Self::with_spec(kind, deserializer, found, Spec::PeerAuthentication),
            Kind::ServiceEntry => Self::with_spec(kind, deserializer, found, Spec::ServiceEntry),
            Kind::Sidecar => Self::with_spec(kind, deserializer, found, Spec::Sidecar),
            Kind::Telemetry => Self::with_spec(kind, deserializer, found, Spec::Telemetry),
            Kind::LimitRange => Self::with_spec(kind, deserializer, found, Spec::LimitRange),
            Kind::KubernetesGateway => Self::with_spec(kind, deserializer, found, Spec::KubernetesGateway),
            Kind::EnvoyFilter | Kind::ResourceQuota => {
                Self::with_spec(kind, deserializer, found, |_: Option<IgnoredAny>| Spec::Other)
            }
            _ => Err(D::Error::custom("a kind that is not read in one pass")),
        }
    }

    fn with_spec<S: Deserialize<'a> + Default, D: Deserializer<'a>>(
        kind: Kind,
        deserializer: D,
        found: &mut Found<'a>,
        view: fn(S) -> Spec<'a>,
    ) -> Result<Result<Self, ObjectError>, D::Error> {
        let object = TypedObject::deserialize_as(kind, deserializer, found)?;
        Ok(object.checked(kind).map(|object| {
            let (metadata, spec) = object.into_parts(view);
            Self { kind, metadata, spec, object: None }
        }))
    }

    pub(in crate::policy) fn has_baseline_name(&self) -> bool {
        is_baseline_name(self.kind, self.metadata.name.as_deref())
    }

    /// Reads a RoleBinding, whose fields are not in a spec.
    pub(super) fn read_role_binding(raw: &'a RawValue, found: &mut Found<'a>) -> Result<Self, ObjectError> {
        let kind = Kind::RoleBinding;
        let metadata = TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata;
        let object = read_baseline_object(kind, metadata.name.as_deref(), raw)?;
        Ok(Self { kind, metadata, spec: Spec::RoleBinding(serde_json::from_str(raw.get())?), object })
    }
}
