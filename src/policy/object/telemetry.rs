use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, Located, Path, WorkloadSelector};

/// Spec of an Istio Telemetry: its selector, targets and access logging.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Telemetry<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    selector: WorkloadSelector<'a>,
    target_ref: Option<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    target_refs: Vec<IgnoredAny>,
    #[serde(borrow, deserialize_with = "nullable")]
    access_logging: Vec<AccessLogging<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccessLogging<'a> {
    disabled: Option<bool>,
    filter: Option<IgnoredAny>,
    #[serde(borrow, rename = "match", deserialize_with = "nullable")]
    traffic_match: TrafficMatch<'a>,
    /// Log providers. An empty list inherits the providers of the parent configuration.
    #[serde(borrow, deserialize_with = "nullable")]
    providers: Vec<Provider<'a>>,
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

impl<'a> Telemetry<'a> {
    pub fn access_logging(&self) -> Located<'static, &[AccessLogging<'a>]> {
        Located { value: &self.access_logging, path: Path::of(&["spec", "accessLogging"]) }
    }

    /// True if the Telemetry applies to the whole namespace.
    pub fn selects_all(&self) -> bool {
        self.selector.selects_all() && self.target_ref.is_none() && self.target_refs.is_empty()
    }
}

impl<'o, 'a> Located<'static, &'o AccessLogging<'a>> {
    pub fn disabled(&self) -> Option<Located<'static, bool>> {
        Some(self.field("disabled", self.value.disabled?))
    }

    pub fn filter(&self) -> Option<Located<'static, IgnoredAny>> {
        Some(self.field("filter", self.value.filter?))
    }

    pub fn providers(&self) -> Located<'static, &'o [Provider<'a>]> {
        self.field("providers", &self.value.providers)
    }
}

impl AccessLogging<'_> {
    /// True if the logging applies to inbound calls.
    pub fn applies_to_server_side(&self) -> bool {
        self.traffic_match.mode.as_deref() != Some("CLIENT")
    }
}
