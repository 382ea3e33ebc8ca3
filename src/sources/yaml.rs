//! Parses YAML as kubectl does, and keeps the position of each value in the file.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_saphyr::{Location, Spanned};

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    tree: Spanned<Tree>,
    pub json: Box<RawValue>,
}

#[derive(Debug)]
enum Tree {
    Map(Vec<(Spanned<Key>, Spanned<Tree>)>),
    List(Vec<Spanned<Tree>>),
    Leaf(serde_json::Value),
}

#[derive(Debug)]
struct Key(String);

/// Error of a file that is not YAML.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("{0}")]
    Yaml(#[from] Box<serde_saphyr::Error>),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// Returns the documents of `text`. Leaves out empty documents, and replaces a list, such as a `List` or a `PodList`,
/// by its items.
pub fn read(text: &str) -> Result<Vec<Document>, ParseError> {
    // The parser reads like kubectl's: `on` and `no` are booleans, and `0777` is octal.
    let options = serde_saphyr::options! { strict_booleans: false, legacy_octal_numbers: true };
    let trees: Vec<Spanned<Tree>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(Box::new)?;
    let mut objects = Vec::new();
    for tree in trees.into_iter().filter(|tree| !matches!(tree.value, Tree::Leaf(serde_json::Value::Null))) {
        Tree::flatten(tree, &mut objects);
    }
    objects.into_iter().map(Document::new).collect()
}

impl Document {
    fn new(tree: Spanned<Tree>) -> Result<Self, ParseError> {
        let json = serde_json::value::to_raw_value(&tree.value)?;
        Ok(Self { tree, json })
    }

    /// Returns the line, from 1, of the value at `pointer`, or of the nearest value around it.
    pub fn line(&self, pointer: &str) -> u64 {
        self.position(pointer).0
    }

    /// Returns the line and the column of that value, each from 1.
    pub fn position(&self, pointer: &str) -> (u64, u64) {
        let position = |location: &Location| (location.line(), location.column());
        let mut found = position(&self.tree.referenced);
        let mut tree = &self.tree;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &tree.value {
                Tree::Map(entries) => entries
                    .iter()
                    .find(|(key, _)| key.value.0 == step)
                    .map(|(key, value)| (position(&key.referenced), value)),
                Tree::List(items) => step
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index))
                    .map(|item| (position(&item.referenced), item)),
                Tree::Leaf(_) => None,
            };
            let Some((at, value)) = next else { break };
            found = at;
            tree = value;
        }
        found
    }

    /// Returns the string under `keys`, if there is one.
    pub fn text(&self, keys: &[&str]) -> Option<&str> {
        let leaf = keys.iter().try_fold(&self.tree.value, |tree, key| tree.get(key))?;
        match leaf {
            Tree::Leaf(serde_json::Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

impl Tree {
    fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| key.value.0 == name).map(|(_, value)| &value.value)
    }

    /// Adds the items of a list to `objects`, or the tree itself if it is none. To kubectl, every object with `items` is
    /// a list, whatever its kind. It gives the items the list's API version and kind if they have none.
    fn flatten(tree: Spanned<Self>, objects: &mut Vec<Spanned<Self>>) {
        let text = |name: &str| match tree.value.get(name) {
            Some(Self::Leaf(serde_json::Value::String(text))) => Some(text.clone()),
            _ => None,
        };
        let kind = text("kind").unwrap_or_default();
        let is_list = match tree.value.get("items") {
            Some(Self::List(_)) => true,
            // Go programs write an empty list so.
            Some(Self::Leaf(serde_json::Value::Null)) => kind.ends_with("List"),
            _ => false,
        };
        if !is_list {
            objects.push(tree);
            return;
        }
        let kind = kind.strip_suffix("List").unwrap_or(&kind).to_owned();
        let version = text("apiVersion").filter(|_| !kind.is_empty());
        let types = version.map(|version| [("apiVersion", version), ("kind", kind)]);
        let Self::Map(entries) = tree.value else { return };
        for (key, value) in entries {
            let Self::List(items) = value.value else { continue };
            for mut item in items.into_iter().filter(|_| key.value.0 == "items") {
                item.value.add_missing(types.iter().flatten(), &key.referenced);
                Self::flatten(item, objects);
            }
        }
    }

    /// Adds fields that a map lacks, at the location of its list.
    fn add_missing<'t>(
        &mut self,
        fields: impl Iterator<Item = &'t (&'static str, String)>,
        location: &Location,
    ) {
        for (name, text) in fields.filter(|(name, _)| self.get(name).is_none()).collect::<Vec<_>>() {
            let Self::Map(entries) = self else { return };
            let key = Spanned { value: Key((*name).to_owned()), referenced: *location, defined: *location };
            let value = Self::Leaf(text.as_str().into());
            entries.push((key, Spanned { value, referenced: *location, defined: *location }));
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a YAML value")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Tree, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Map(entries))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Tree, S::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_unit<E: Error>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf(serde_json::Value::Null))
            }
        }
        deserializer.deserialize_any(TreeVisitor)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&key.value.0, &value.value)?;
                }
                map.end()
            }
            Self::List(items) => serializer.collect_seq(items.iter().map(|item| &item.value)),
            Self::Leaf(value) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
    use super::*;

    #[test]
    fn document_values_have_line_numbers() {
        let text = "a: 1\n---\n\n# nothing\n---\nkind: X\nlist:\n  - name: one\n  - name: two\n    \"k/y\": [no, 0777]\n";
        let documents = read(text).unwrap();
        let [_, second] = documents.as_slice() else { unreachable!("two documents") };
        assert_eq!(
            second.json.get(),
            r#"{"kind":"X","list":[{"name":"one"},{"name":"two","k/y":[false,511]}]}"#
        );
        let lines =
            ["", "/kind", "/list/1", "/list/1/k~1y/0", "/list/1/absent/deeper"].map(|at| second.line(at));
        assert_eq!(lines, [6, 6, 9, 10, 9]);
        assert_eq!(second.text(&["kind"]), Some("X"));
    }

    #[test]
    fn list_items_become_documents() {
        let documents = read("kind: List\nitems:\n- kind: A\n- kind: B\n").unwrap();
        assert_eq!(
            documents.iter().map(|item| item.json.get()).collect::<Vec<_>>(),
            [r#"{"kind":"A"}"#, r#"{"kind":"B"}"#]
        );
    }

    #[test]
    fn empty_lists_have_no_documents() {
        for items in ["[]", "null", ""] {
            let documents = read(&format!("apiVersion: v1\nkind: PodList\nitems: {items}\n")).unwrap();
            assert!(documents.is_empty(), "{items}: {documents:?}");
        }
    }

    #[test]
    fn typed_and_nested_list_items_become_documents() {
        let text = "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {}\n- {apiVersion: v1, kind: Secret}\n---\n\
                    kind: List\nitems:\n- {apiVersion: apps/v1, kind: DeploymentList, items: [{spec: {}}]}\n---\n\
                    {apiVersion: v1, kind: Anything, items: [{apiVersion: v1, kind: Pod}]}\n---\n\
                    {apiVersion: example.com/v1, kind: AllowList}\n";
        let documents = read(text).unwrap();
        assert_eq!(
            documents.iter().map(|item| item.json.get()).collect::<Vec<_>>(),
            [
                r#"{"metadata":{},"apiVersion":"v1","kind":"Pod"}"#,
                r#"{"apiVersion":"v1","kind":"Secret"}"#,
                r#"{"spec":{},"apiVersion":"apps/v1","kind":"Deployment"}"#,
                r#"{"apiVersion":"v1","kind":"Pod"}"#,
                r#"{"apiVersion":"example.com/v1","kind":"AllowList"}"#,
            ]
        );
    }
}
