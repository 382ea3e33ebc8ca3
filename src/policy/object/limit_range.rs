use serde::Deserialize;

use super::JsonStr;
use super::text::nullable;

/// Spec of a LimitRange: the types of its limits.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LimitRange<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    limits: Vec<Limit<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limit<'a> {
    #[serde(borrow, rename = "type")]
    limited: Option<JsonStr<'a>>,
}

impl LimitRange<'_> {
    /// True if a limit is not for volume claims alone.
    pub fn limits_pods(&self) -> bool {
        let is_for_claims = |limit: &Limit<'_>| limit.limited.as_deref() == Some("PersistentVolumeClaim");
        !self.limits.iter().all(is_for_claims)
    }
}
