use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{Located, Path};

/// Spec of an Ingress, limited to its rules.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ingress {
    #[serde(deserialize_with = "nullable")]
    rules: Vec<IngressRule>,
}

/// A rule, limited to the presence of its host.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngressRule {
    host: Option<IgnoredAny>,
}

impl Ingress {
    /// Returns the paths of the rules that name no host.
    pub fn rules_without_host(&self) -> impl Iterator<Item = Path<'static>> {
        let rules = Located { value: self.rules.as_slice(), path: Path::of(&["spec", "rules"]) };
        rules.elements().filter(|rule| rule.value.host.is_none()).map(|rule| rule.path)
    }
}
