use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, WorkloadSelector};

/// A Telemetry: of which pods, and what it says of their logs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Telemetry<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    selector: WorkloadSelector<'a>,
    target_ref: Option<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    target_refs: Vec<IgnoredAny>,
    #[serde(borrow, deserialize_with = "nullable")]
    pub access_logging: Vec<AccessLogging<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccessLogging<'a> {
    pub disabled: Option<bool>,
    pub filter: Option<IgnoredAny>,
    #[serde(borrow, rename = "match", deserialize_with = "nullable")]
    traffic_match: TrafficMatch<'a>,
    /// Those from above, where it is empty.
    #[serde(borrow, deserialize_with = "nullable")]
    pub providers: Vec<Provider<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TrafficMatch<'a> {
    #[serde(borrow)]
    mode: Option<JsonStr<'a>>,
}

#[derive(Debug, Deserialize)]
pub struct Provider<'a> {
    #[serde(borrow)]
    pub name: JsonStr<'a>,
}

impl Telemetry<'_> {
    /// Whether it is for the whole namespace.
    pub fn selects_all(&self) -> bool {
        self.selector.selects_all() && self.target_ref.is_none() && self.target_refs.is_empty()
    }
}

impl AccessLogging<'_> {
    /// Whether it is about calls that arrive.
    pub fn applies_to_server_side(&self) -> bool {
        self.traffic_match.mode.as_deref() != Some("CLIENT")
    }
}
