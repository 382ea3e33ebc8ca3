use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Located, Metadata, Path};
use crate::api::{Enforcement, Grants, Subject};

/// A Tenant: its enforcement mode, acknowledged findings, grants, owners and audit result.
#[derive(Debug)]
pub struct TenantView<'a> {
    pub metadata: Metadata<'a>,
    enforcement: Enforcement,
    pub acknowledged_findings: Option<JsonStr<'a>>,
    grants: Grants,
    owners: Vec<Subject>,
    pub audit: Option<Audit<'a>>,
}

/// Audit result in the Tenant's status.
#[derive(Debug, Deserialize)]
pub struct Audit<'a> {
    #[serde(default)]
    pub findings: u32,
    #[serde(default)]
    pub namespaces: usize,
    #[serde(borrow)]
    pub digest: JsonStr<'a>,
}

#[derive(Deserialize)]
struct Rest<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    #[serde(deserialize_with = "nullable")]
    enforcement: Enforcement,
    #[serde(borrow)]
    acknowledged_findings: Option<JsonStr<'a>>,
    #[serde(deserialize_with = "nullable")]
    grants: Grants,
    #[serde(deserialize_with = "nullable")]
    owners: Vec<Subject>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    audit: Option<Audit<'a>>,
}

impl<'a> TenantView<'a> {
    /// Reads the remaining fields; the caller has already read `metadata`.
    pub(super) fn read(metadata: Metadata<'a>, raw: &'a RawValue) -> serde_json::Result<Self> {
        let Rest { spec, status } = serde_json::from_str(raw.get())?;
        let Spec { enforcement, acknowledged_findings, grants, owners } = spec;
        Ok(Self { metadata, enforcement, acknowledged_findings, grants, owners, audit: status.audit })
    }

    pub fn enforcement(&self) -> Located<'static, Enforcement> {
        Located { value: self.enforcement, path: Path::of(&["spec", "enforcement"]) }
    }

    pub fn grants(&self) -> Located<'static, &Grants> {
        Located { value: &self.grants, path: Path::of(&["spec", "grants"]) }
    }

    pub fn owners(&self) -> Located<'static, &[Subject]> {
        Located { value: &self.owners, path: Path::of(&["spec", "owners"]) }
    }
}
