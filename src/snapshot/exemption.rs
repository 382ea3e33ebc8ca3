use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use crate::api::{ExemptionSpec, ExemptionTarget};

/// The parts of an Exemption that rules read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub name: String,
    pub rules: BTreeSet<String>,
    pub target: ExemptionTarget,
    pub reason: String,
    /// Expiry in seconds since 1970.
    pub expires: i64,
}

impl Exemption {
    /// Fails if `spec.expires` is not a timestamp.
    pub fn new(name: String, spec: ExemptionSpec) -> Result<Self, String> {
        let expires = spec.expires.parse::<Timestamp>().map_err(|error| format!("spec.expires: {error}"))?;
        Ok(Self {
            name,
            rules: spec.rules.into_iter().collect(),
            target: spec.target,
            reason: spec.reason,
            expires: expires.as_second(),
        })
    }

    /// True if its target has this kind and name. The caller has already selected the target's namespace.
    pub fn targets(&self, kind: &str, name: &str) -> bool {
        self.target.kind.name() == kind && self.target.name == name
    }
}
