use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{
    AuthorizationPolicy, Metadata, NetworkPolicy, ObjectError, PeerAuthentication, RoleBinding, ServiceEntry,
    Sidecar, Telemetry, TypedObject, read_baseline_object,
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
    pub(super) fn read(kind: Kind, raw: &'a RawValue, found: &mut Found<'a>) -> Result<Self, ObjectError> {
        let (metadata, spec) = match kind {
            Kind::NetworkPolicy => TypedObject::read(kind, raw, found)?.into_parts(Spec::NetworkPolicy),
            Kind::AuthorizationPolicy => {
                TypedObject::read(kind, raw, found)?.into_parts(Spec::AuthorizationPolicy)
            }
            Kind::PeerAuthentication => {
                TypedObject::read(kind, raw, found)?.into_parts(Spec::PeerAuthentication)
            }
            Kind::ServiceEntry => TypedObject::read(kind, raw, found)?.into_parts(Spec::ServiceEntry),
            Kind::Sidecar => TypedObject::read(kind, raw, found)?.into_parts(Spec::Sidecar),
            Kind::Telemetry => TypedObject::read(kind, raw, found)?.into_parts(Spec::Telemetry),
            Kind::RoleBinding => {
                let metadata = TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata;
                (metadata, Spec::RoleBinding(serde_json::from_str(raw.get())?))
            }
            _ => TypedObject::read(kind, raw, found)?.into_parts(|_: IgnoredAny| Spec::Other),
        };
        let object = read_baseline_object(kind, metadata.name.as_deref(), raw)?;
        Ok(Self { kind, metadata, spec, object })
    }
}
