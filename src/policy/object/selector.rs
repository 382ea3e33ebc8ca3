use std::collections::BTreeMap;
use std::slice;

use serde::Deserialize;

use super::text::nullable;
use super::{Entries, Text};

/// A label selector of Kubernetes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    match_labels: Entries<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    match_expressions: Vec<Requirement<'a>>,
}

#[derive(Debug, Deserialize)]
struct Requirement<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    operator: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    values: Vec<Text<'a>>,
}

impl<'a> Selector<'a> {
    /// The labels that whatever it picks has, each with the values one of which it is. All hold at once; what only
    /// excludes is not among them.
    pub fn bounds(&self) -> impl Iterator<Item = (&str, &[Text<'a>])> {
        let labels = self.match_labels.iter().map(|(key, value)| (&**key, slice::from_ref(value)));
        let is_in = |one: &&Requirement<'a>| *one.operator == *"In" && !one.values.is_empty();
        let sets = self.match_expressions.iter().filter(is_in).map(|one| (&*one.key, one.values.as_slice()));
        labels.chain(sets)
    }

    /// Whether whatever it picks has this label.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.bounds().any(|(bound, values)| bound == key && values.iter().all(|one| **one == *value))
    }

    /// Whether whatever it picks has all of `labels`.
    pub fn has_all(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.has(key, value))
    }
}

/// A selector of Istio's: labels, and nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Labels<'a> {
    /// A `Sidecar` calls them so, everything else `matchLabels`.
    #[serde(borrow, alias = "matchLabels", deserialize_with = "nullable")]
    labels: Entries<'a>,
}

impl Labels<'_> {
    /// Whether it picks every pod: one without labels does, be it there or not.
    pub fn is_everything(&self) -> bool {
        self.labels.iter().next().is_none()
    }

    /// Whether whatever it picks has all of `labels`.
    pub fn has_all(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |key: &str, value: &str| self.labels.get(key).is_some_and(|(_, known)| **known == *value);
        labels.iter().all(|(key, value)| has(key, value))
    }
}
