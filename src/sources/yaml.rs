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

/// Returns the documents of `text`. Leaves out empty documents, and replaces a `List` by its items.
pub fn read(text: &str) -> Result<Vec<Document>, ParseError> {
    // The parser reads like kubectl's: `on` and `no` are booleans, and `0777` is octal.
    let options = serde_saphyr::options! { strict_booleans: false, legacy_octal_numbers: true };
    let trees: Vec<Spanned<Tree>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(Box::new)?;
    let documents =
        trees.into_iter().filter(|tree| !matches!(tree.value, Tree::Leaf(serde_json::Value::Null)));
    documents.flat_map(Tree::items).map(Document::new).collect()
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

    /// Returns the items of a `List`, or the tree itself if it is none.
    fn items(tree: Spanned<Self>) -> Vec<Spanned<Self>> {
        let is_list = matches!(tree.value.get("kind"), Some(Self::Leaf(kind)) if kind == "List");
        match tree.value {
            Self::Map(entries) if is_list => entries
                .into_iter()
                .find_map(|(key, value)| match value.value {
                    Self::List(items) if key.value.0 == "items" => Some(items),
                    _ => None,
                })
                .unwrap_or_default(),
            value => vec![Spanned { value, ..tree }],
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
}
