use std::collections::BTreeMap;
use std::slice;

use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, StringMap};

/// A label selector of Kubernetes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    match_labels: StringMap<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    match_expressions: Vec<Requirement<'a>>,
}

#[derive(Debug, Deserialize)]
struct Requirement<'a> {
    #[serde(borrow)]
    key: JsonStr<'a>,
    #[serde(borrow)]
    operator: JsonStr<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    values: Vec<JsonStr<'a>>,
}

impl<'a> Selector<'a> {
    /// The labels that whatever it picks has, each with the values one of which it is. All hold at once; what only
    /// excludes is not among them.
    pub fn constraints(&self) -> impl Iterator<Item = (&str, &[JsonStr<'a>])> {
        let labels = self.match_labels.iter().map(|(key, value)| (&**key, slice::from_ref(value)));
        let is_in = |one: &&Requirement<'a>| *one.operator == *"In" && !one.values.is_empty();
        let sets = self.match_expressions.iter().filter(is_in).map(|one| (&*one.key, one.values.as_slice()));
        labels.chain(sets)
    }

    /// Whether whatever it picks has this label.
    pub fn requires(&self, key: &str, value: &str) -> bool {
        self.constraints().any(|(bound, values)| bound == key && values.iter().all(|one| **one == *value))
    }

    /// Whether whatever it picks has all of `labels`.
    pub fn requires_all(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.requires(key, value))
    }
}

/// A selector of Istio's: labels, and nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WorkloadSelector<'a> {
    /// A `Sidecar` calls them so, everything else `matchLabels`.
    #[serde(borrow, alias = "matchLabels", deserialize_with = "nullable")]
    labels: StringMap<'a>,
}

impl WorkloadSelector<'_> {
    /// Whether it picks every pod: one without labels does, be it there or not.
    pub fn selects_all(&self) -> bool {
        self.labels.iter().next().is_none()
    }

    /// Whether whatever it picks has all of `labels`.
    pub fn requires_all(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |key: &str, value: &str| self.labels.get(key).is_some_and(|(_, known)| **known == *value);
        labels.iter().all(|(key, value)| has(key, value))
    }
}
