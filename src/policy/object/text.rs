use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A JSON string. Borrows from the review, and is copied only if JSON escapes occur in it: the API server escapes
/// `<`, `>` and `&`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonStr<'a>(Cow<'a, str>);

impl Deref for JsonStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonStr<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonStrVisitor;
        impl<'de> Visitor<'de> for JsonStrVisitor {
            type Value = JsonStr<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(JsonStr(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(JsonStr(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(JsonStrVisitor)
    }
}

/// Labels or annotations, sorted by key. A duplicate key is an error, because readers of such an object would not
/// agree on its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringMap<'a>(Option<Vec<(JsonStr<'a>, JsonStr<'a>)>>);

impl<'a> StringMap<'a> {
    /// True if the object has the map, even an empty one.
    pub fn is_present(&self) -> bool {
        self.0.is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(JsonStr<'a>, JsonStr<'a>)> {
        self.0.iter().flatten()
    }

    /// Returns the entry for `key`, with the key as the object holds it.
    pub fn get(&self, key: &str) -> Option<&(JsonStr<'a>, JsonStr<'a>)> {
        let entries = self.0.as_deref()?;
        let position = entries.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        entries.get(position)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for StringMap<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringMapVisitor;
        impl<'de> Visitor<'de> for StringMapVisitor {
            type Value = StringMap<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from string to string")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_unstable();
                for ((one, _), (next, _)) in entries.iter().zip(entries.iter().skip(1)) {
                    if one == next {
                        return Err(M::Error::custom(format_args!("duplicate key `{one}`")));
                    }
                }
                Ok(StringMap(Some(entries)))
            }
        }
        deserializer.deserialize_map(StringMapVisitor)
    }
}

/// Deserializes `null` as the default: users write it, and Go writes it for empty lists.
pub(in crate::policy) fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
