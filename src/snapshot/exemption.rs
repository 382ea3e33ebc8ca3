use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use crate::api::{ExemptionSpec, ExemptionTarget};

/// An exemption, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub name: String,
    pub rules: BTreeSet<String>,
    pub target: ExemptionTarget,
    /// In seconds since 1970.
    pub expires: i64,
}

impl Exemption {
    /// `Err` if it does not say when it ends.
    pub fn new(name: String, spec: ExemptionSpec) -> Result<Self, String> {
        let expires = spec.expires.parse::<Timestamp>().map_err(|error| format!("spec.expires: {error}"))?;
        Ok(Self {
            name,
            rules: spec.rules.into_iter().collect(),
            target: spec.target,
            expires: expires.as_second(),
        })
    }

    /// Whether it is about the object of this kind and name in its namespace.
    pub fn targets(&self, kind: &str, name: &str) -> bool {
        self.target.kind.name() == kind && self.target.name == name
    }
}
