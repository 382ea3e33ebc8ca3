use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, StringMap};
use crate::policy::path::{Located, Path};
use crate::policy::proxy::keys::Map;

/// The part of an object's metadata that rules read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Absent where the API server is still to make one up.
    #[serde(borrow, default)]
    pub name: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    generate_name: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    pub uid: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    labels: StringMap<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    annotations: StringMap<'a>,
}

/// Metadata, and the path of the object that has it.
#[derive(Clone, Copy, Debug)]
pub struct MetadataAt<'a> {
    pub base: &'static [&'static str],
    pub metadata: &'a Metadata<'a>,
}

impl<'a> Metadata<'a> {
    pub fn at_root(&'a self) -> MetadataAt<'a> {
        MetadataAt { base: &[], metadata: self }
    }

    pub fn has_labels(&self) -> bool {
        self.labels.is_present()
    }

    /// Whether the labels and the annotations that Istio reads (`*.istio.io/…`) are the same in `other`.
    pub fn same_mesh_metadata(&self, other: &Self) -> bool {
        fn mesh<'e, 'a>(entries: &'e StringMap<'a>) -> impl Iterator<Item = &'e (JsonStr<'a>, JsonStr<'a>)> {
            let is_mesh =
                |key: &str| key.split('/').next().is_some_and(|domain| domain.ends_with("istio.io"));
            entries.iter().filter(move |(key, _)| is_mesh(key))
        }
        mesh(&self.labels).eq(mesh(&other.labels)) && mesh(&self.annotations).eq(mesh(&other.annotations))
    }

    /// The labels and the annotations.
    pub fn maps(&self) -> [(&'static str, &StringMap<'a>); 2] {
        [("labels", &self.labels), ("annotations", &self.annotations)]
    }

    /// The name, or what it will begin with.
    pub fn name_or_generate_name(&self) -> &str {
        self.name.as_deref().or(self.generate_name.as_deref()).unwrap_or_default()
    }

    pub fn label_value(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(|(_, value)| &**value)
    }
}

impl<'a> MetadataAt<'a> {
    pub fn entries(&self, map: Map) -> &'a StringMap<'a> {
        match map {
            Map::Labels => &self.metadata.labels,
            Map::Annotations => &self.metadata.annotations,
        }
    }

    /// The path of one of the maps.
    pub fn map_path<'k>(&self, map: &'k str) -> Path<'k> {
        Path::of(self.base).fields(&["metadata", map])
    }

    pub fn label(&self, key: &str) -> Option<Located<'a, &'a str>> {
        self.entry("labels", &self.metadata.labels, key)
    }

    pub fn annotation(&self, key: &str) -> Option<Located<'a, &'a str>> {
        self.entry("annotations", &self.metadata.annotations, key)
    }

    /// Where `key` would stand as a label.
    pub fn label_path<'k>(&self, key: &'k str) -> Path<'k> {
        Path::of(self.base).fields(&["metadata", "labels"]).key(key)
    }

    fn entry(
        &self,
        map: &'static str,
        entries: &'a StringMap<'a>,
        key: &str,
    ) -> Option<Located<'a, &'a str>> {
        let (key, value) = entries.get(key)?;
        Some(Located { value, path: Path::of(self.base).fields(&["metadata", map]).key(key) })
    }
}
