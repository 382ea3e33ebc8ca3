use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Located, Metadata, Path, StringMap};
use crate::api::{Authorization, Dataplane, Enforcement, Grants, Limits, Subject};

/// A Tenant: its attachments, its spec and its audit result.
#[derive(Debug)]
pub struct TenantView<'a> {
    pub metadata: Metadata<'a>,
    attachments: Attachments<'a>,
    spec: Spec<'a>,
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
    metadata: Attachments<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attachments<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    owner_references: Vec<&'a RawValue>,
    #[serde(borrow, deserialize_with = "nullable")]
    finalizers: Vec<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
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
    #[serde(borrow)]
    contact: Option<JsonStr<'a>>,
    #[serde(deserialize_with = "nullable")]
    namespaces: Namespaces,
    #[serde(borrow, deserialize_with = "nullable")]
    namespace_quota: StringMap<'a>,
    #[serde(deserialize_with = "nullable")]
    limits: Limits,
    #[serde(deserialize_with = "nullable")]
    authorization: Authorization,
    dataplane: Option<Dataplane>,
}

/// The limit of namespaces. No rule reads its value, which the schema allows to be larger than the controller can read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespaces {
    limit: Option<IgnoredAny>,
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
        let Rest { metadata: attachments, spec, status } = serde_json::from_str(raw.get())?;
        Ok(Self { metadata, attachments, spec, audit: status.audit })
    }

    pub fn enforcement(&self) -> Located<'static, Enforcement> {
        Located { value: self.spec.enforcement, path: Path::of(&["spec", "enforcement"]) }
    }

    pub fn acknowledged_findings(&self) -> Option<&JsonStr<'a>> {
        self.spec.acknowledged_findings.as_ref()
    }

    pub fn owners(&self) -> Located<'static, &[Subject]> {
        Located { value: &self.spec.owners, path: Path::of(&["spec", "owners"]) }
    }

    /// Returns the path of each field with another value than the default, apart from the owners. The pattern names
    /// every field, so that a new one is not left out.
    pub fn fields_with_values(&self) -> impl Iterator<Item = Path<'static>> {
        let Attachments { owner_references, finalizers } = &self.attachments;
        let Spec {
            enforcement,
            acknowledged_findings,
            grants,
            owners: _,
            contact,
            namespaces,
            namespace_quota,
            limits,
            authorization,
            dataplane,
        } = &self.spec;
        let fields: [(bool, &'static [&'static str]); 11] = [
            (!owner_references.is_empty(), &["metadata", "ownerReferences"]),
            (!finalizers.is_empty(), &["metadata", "finalizers"]),
            (*enforcement != Enforcement::default(), &["spec", "enforcement"]),
            (acknowledged_findings.is_some(), &["spec", "acknowledgedFindings"]),
            (*grants != Grants::default(), &["spec", "grants"]),
            (contact.is_some(), &["spec", "contact"]),
            (namespaces.limit.is_some(), &["spec", "namespaces"]),
            (namespace_quota.iter().next().is_some(), &["spec", "namespaceQuota"]),
            (*limits != Limits::default(), &["spec", "limits"]),
            (*authorization != Authorization::default(), &["spec", "authorization"]),
            (dataplane.is_some(), &["spec", "dataplane"]),
        ];
        fields.into_iter().filter(|(has_value, _)| *has_value).map(|(_, path)| Path::of(path))
    }
}
