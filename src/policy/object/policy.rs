use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{
    Metadata, NetworkPolicy, PeerAuthentication, Sidecar, Telemetry, Unreadable, Whole, of_the_baseline,
};
use crate::baseline;
use crate::policy::kind::Kind;

/// An object of a kind that the baseline has objects of.
#[derive(Debug)]
pub struct Policy<'a> {
    pub kind: baseline::Kind,
    pub metadata: Metadata<'a>,
    pub spec: Spec<'a>,
    /// All of it, if it has a name of the baseline's.
    pub(super) whole: Option<serde_json::Value>,
}

/// What rules read of it.
#[derive(Debug)]
pub enum Spec<'a> {
    NetworkPolicy(NetworkPolicy<'a>),
    PeerAuthentication(PeerAuthentication<'a>),
    Sidecar(Sidecar<'a>),
    Telemetry(Telemetry<'a>),
    /// That it is there.
    Other,
}

impl<'a> Policy<'a> {
    pub(super) fn read(of: baseline::Kind, kind: Kind, raw: &'a RawValue) -> Result<Self, Unreadable> {
        let (metadata, spec) = match of {
            baseline::Kind::NetworkPolicy => Whole::read(kind, raw)?.parts(Spec::NetworkPolicy),
            baseline::Kind::PeerAuthentication => Whole::read(kind, raw)?.parts(Spec::PeerAuthentication),
            baseline::Kind::Sidecar => Whole::read(kind, raw)?.parts(Spec::Sidecar),
            baseline::Kind::Telemetry => Whole::read(kind, raw)?.parts(Spec::Telemetry),
            _ => Whole::read(kind, raw)?.parts(|_: IgnoredAny| Spec::Other),
        };
        let whole = of_the_baseline(of, metadata.name.as_deref(), raw)?;
        Ok(Self { kind: of, metadata, spec, whole })
    }
}
