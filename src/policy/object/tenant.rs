use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{Metadata, Text};
use crate::api::Enforcement;

/// A Tenant: whether it is observed, and what its audit found.
#[derive(Debug)]
pub struct Tenant<'a> {
    pub metadata: Metadata<'a>,
    pub enforcement: Enforcement,
    pub acknowledge: Option<Text<'a>>,
    pub audit: Option<Audit<'a>>,
}

/// What its status says of its audit.
#[derive(Debug, Deserialize)]
pub struct Audit<'a> {
    #[serde(default)]
    pub findings: u32,
    #[serde(borrow)]
    pub digest: Text<'a>,
}

#[derive(Deserialize)]
struct Rest<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(deserialize_with = "nullable")]
    enforcement: Enforcement,
    #[serde(borrow)]
    acknowledge: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    audit: Option<Audit<'a>>,
}

impl<'a> Tenant<'a> {
    /// Reads what is not its `metadata`, which was read already.
    pub(super) fn read(metadata: Metadata<'a>, raw: &'a RawValue) -> serde_json::Result<Self> {
        let Rest { spec, status } = serde_json::from_str(raw.get())?;
        Ok(Self {
            metadata,
            enforcement: spec.enforcement,
            acknowledge: spec.acknowledge,
            audit: status.audit,
        })
    }
}
