use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of an Istio ServiceEntry, limited to what decides where its calls go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ServiceEntry<'a> {
    #[serde(deserialize_with = "nullable")]
    addresses: Vec<IgnoredAny>,
    #[serde(borrow)]
    resolution: Option<JsonStr<'a>>,
}

impl ServiceEntry<'_> {
    pub fn has_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Returns how a proxy finds the addresses of the hosts.
    pub fn resolution(&self) -> Option<Located<'static, &str>> {
        let path = Path::of(&["spec", "resolution"]);
        self.resolution.as_deref().map(|value| Located { value, path })
    }
}
