use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{Labels, Text};

/// A Telemetry: of which pods, and what it says of their logs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Telemetry<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    selector: Labels<'a>,
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
    calls: Calls<'a>,
    /// Those from above, where it is empty.
    #[serde(borrow, deserialize_with = "nullable")]
    pub providers: Vec<Provider<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Calls<'a> {
    #[serde(borrow)]
    mode: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub struct Provider<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
}

impl Telemetry<'_> {
    /// Whether it is for the whole namespace.
    pub fn is_everything(&self) -> bool {
        self.selector.is_everything() && self.target_ref.is_none() && self.target_refs.is_empty()
    }
}

impl AccessLogging<'_> {
    /// Whether it is about calls that arrive.
    pub fn is_of_arrivals(&self) -> bool {
        self.calls.mode.as_deref() != Some("CLIENT")
    }
}
