use serde::Deserialize;

use super::text::nullable;
use super::{Entries, Text};
use crate::policy::path::{At, Path};
use crate::policy::proxy::keys::Map;

/// The part of an object's metadata that rules read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Absent where the API server is still to make one up.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    #[serde(borrow, default)]
    generate_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub uid: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    labels: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    annotations: Entries<'a>,
}

/// Metadata, and the path of the object that has it.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    pub base: &'static [&'static str],
    pub metadata: &'a Metadata<'a>,
}

impl<'a> Metadata<'a> {
    pub fn at_root(&'a self) -> Labelled<'a> {
        Labelled { base: &[], metadata: self }
    }

    pub fn has_labels(&self) -> bool {
        self.labels.are_written()
    }

    /// Whether the labels and the annotations that Istio reads (`*.istio.io/…`) are the same in `other`.
    pub fn has_mesh_entries_of(&self, other: &Self) -> bool {
        fn mesh<'e, 'a>(entries: &'e Entries<'a>) -> impl Iterator<Item = &'e (Text<'a>, Text<'a>)> {
            let is_mesh =
                |key: &str| key.split('/').next().is_some_and(|domain| domain.ends_with("istio.io"));
            entries.iter().filter(move |(key, _)| is_mesh(key))
        }
        mesh(&self.labels).eq(mesh(&other.labels)) && mesh(&self.annotations).eq(mesh(&other.annotations))
    }

    /// The labels and the annotations.
    pub fn maps(&self) -> [(&'static str, &Entries<'a>); 2] {
        [("labels", &self.labels), ("annotations", &self.annotations)]
    }

    /// The name, or what it will begin with.
    pub fn name_or_prefix(&self) -> &str {
        self.name.as_deref().or(self.generate_name.as_deref()).unwrap_or_default()
    }

    pub fn label_value(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(|(_, value)| &**value)
    }
}

impl<'a> Labelled<'a> {
    pub fn entries(&self, map: Map) -> &'a Entries<'a> {
        match map {
            Map::Labels => &self.metadata.labels,
            Map::Annotations => &self.metadata.annotations,
        }
    }

    /// The path of one of the maps.
    pub fn map_path<'k>(&self, map: &'k str) -> Path<'k> {
        Path::of(self.base).fields(&["metadata", map])
    }

    pub fn label(&self, key: &str) -> Option<At<'a, &'a str>> {
        self.entry("labels", &self.metadata.labels, key)
    }

    pub fn annotation(&self, key: &str) -> Option<At<'a, &'a str>> {
        self.entry("annotations", &self.metadata.annotations, key)
    }

    /// Where `key` would stand as a label.
    pub fn label_path<'k>(&self, key: &'k str) -> Path<'k> {
        Path::of(self.base).fields(&["metadata", "labels"]).key(key)
    }

    fn entry(&self, map: &'static str, entries: &'a Entries<'a>, key: &str) -> Option<At<'a, &'a str>> {
        let (key, value) = entries.get(key)?;
        Some(At { value, path: Path::of(self.base).fields(&["metadata", map]).key(key) })
    }
}
