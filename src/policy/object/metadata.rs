use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, MetadataMap, MetadataValue, Path};
use crate::keys::{Map, is_mesh_key};

/// The part of an object's metadata that rules read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// `None` if the API server has not yet generated the name.
    #[serde(borrow, default)]
    pub name: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    generate_name: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    pub uid: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    labels: MetadataMap<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    annotations: MetadataMap<'a>,
}

/// Metadata, with the path of the object that it belongs to.
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

    /// True if `other` has the same labels and annotations that Istio reads (`*.istio.io/…`).
    pub fn same_mesh_metadata(&self, other: &Self) -> bool {
        type Entry<'a> = (JsonStr<'a>, MetadataValue<'a>);
        fn mesh<'e, 'a>(entries: &'e MetadataMap<'a>) -> impl Iterator<Item = &'e Entry<'a>> {
            entries.iter().filter(|(key, _)| is_mesh_key(key))
        }
        mesh(&self.labels).eq(mesh(&other.labels)) && mesh(&self.annotations).eq(mesh(&other.annotations))
    }

    pub fn entries(&self, map: Map) -> &MetadataMap<'a> {
        match map {
            Map::Labels => &self.labels,
            Map::Annotations => &self.annotations,
        }
    }

    /// Returns the name or, if there is none, the prefix in `generateName`.
    pub fn name_or_generate_name(&self) -> &str {
        self.name.as_deref().or(self.generate_name.as_deref()).unwrap_or_default()
    }

    pub fn label_value(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(|(_, value)| &**value)
    }
}

impl<'a> MetadataAt<'a> {
    pub fn label(&self, key: &str) -> Option<Located<'a, &'a str>> {
        self.entry(Map::Labels, key)
    }

    pub fn annotation(&self, key: &str) -> Option<Located<'a, &'a str>> {
        self.entry(Map::Annotations, key)
    }

    pub fn entry(&self, map: Map, key: &str) -> Option<Located<'a, &'a str>> {
        let (key, value) = self.metadata.entries(map).get(key)?;
        Some(Located { value, path: self.path(map, key) })
    }

    /// Returns the path of the label `key`, which the object need not have.
    pub fn label_path<'k>(&self, key: &'k str) -> Path<'k> {
        self.path(Map::Labels, key)
    }

    /// Returns the path of the labels or of the annotations.
    pub fn map_path(&self, map: Map) -> Path<'static> {
        Path::of(self.base).fields(&["metadata", map.field()])
    }

    /// Returns the path of a label or an annotation, which the object need not have.
    pub fn path<'k>(&self, map: Map, key: &'k str) -> Path<'k> {
        Path::of(self.base).fields(&["metadata", map.field()]).key(key)
    }
}
