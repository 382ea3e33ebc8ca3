use std::collections::BTreeMap;
use std::slice;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, StringMap};

/// A Kubernetes label selector.
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
    /// Returns the constraints that every selected object satisfies, as a key and its allowed values. All constraints
    /// apply. Requirements that only exclude values are left out.
    pub fn constraints(&self) -> impl Iterator<Item = (&str, &[JsonStr<'a>])> {
        let labels = self.match_labels.iter().map(|(key, value)| (&**key, slice::from_ref(value)));
        let is_in = |one: &&Requirement<'a>| *one.operator == *"In" && !one.values.is_empty();
        let sets = self.match_expressions.iter().filter(is_in).map(|one| (&*one.key, one.values.as_slice()));
        labels.chain(sets)
    }

    /// True if every selected object has this label.
    pub fn requires(&self, key: &str, value: &str) -> bool {
        self.constraints().any(|(bound, values)| bound == key && values.iter().all(|one| **one == *value))
    }

    /// True if every selected object has all of `labels`.
    pub fn requires_all(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.requires(key, value))
    }
}

/// A selector into which few rules look. It is read when one does.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct UnreadSelector<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> UnreadSelector<'a> {
    /// Reads the selector. An unreadable one requires no label, so that no grant covers it.
    pub fn read(self) -> Selector<'a> {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

/// An Istio workload selector, which has labels only.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WorkloadSelector<'a> {
    /// The field is `labels` in a `Sidecar`, and `matchLabels` in every other kind.
    #[serde(borrow, alias = "matchLabels", deserialize_with = "nullable")]
    labels: StringMap<'a>,
}

impl WorkloadSelector<'_> {
    /// True if the selector matches every pod: a selector without labels does, and so does an absent one.
    pub fn selects_all(&self) -> bool {
        self.labels.iter().next().is_none()
    }

    /// True if every selected pod has all of `labels`.
    pub fn requires_all(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |key: &str, value: &str| self.labels.get(key).is_some_and(|(_, known)| **known == *value);
        labels.iter().all(|(key, value)| has(key, value))
    }
}
