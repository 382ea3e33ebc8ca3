use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

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

/// The value of a label or an annotation. Its JSON escapes are replaced when a rule first reads it: many annotations
/// hold JSON, with an escape for each quote, and few rules read them.
#[derive(Clone, Debug)]
pub struct MetadataValue<'a> {
    raw: &'a RawValue,
    unescaped: OnceLock<String>,
}

impl Deref for MetadataValue<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        let raw = self.raw.get();
        if let Some(written) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'))
            && !written.contains('\\')
        {
            return written;
        }
        self.unescaped.get_or_init(|| serde_json::from_str(raw).unwrap_or_default())
    }
}

impl AsRef<str> for MetadataValue<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for MetadataValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for MetadataValue<'_> {}

impl<'de: 'a, 'a> Deserialize<'de> for MetadataValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let unexpected = match raw.get().as_bytes().first() {
            Some(b'"') => None,
            Some(b'{') => Some(Unexpected::Map),
            Some(b'[') => Some(Unexpected::Seq),
            Some(b'n') => Some(Unexpected::Unit),
            Some(b't') => Some(Unexpected::Bool(true)),
            Some(b'f') => Some(Unexpected::Bool(false)),
            _ => Some(Unexpected::Other("number")),
        };
        if let Some(unexpected) = unexpected {
            return Err(D::Error::invalid_type(unexpected, &"a string"));
        }
        let value = Self { raw, unescaped: OnceLock::new() };
        // Of all escapes, only this one can be invalid: half of a pair of surrogates.
        if raw.get().contains("\\u") {
            let unescaped = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            value.unescaped.get_or_init(|| unescaped);
        }
        Ok(value)
    }
}

/// A map of texts, sorted by key. A duplicate key is an error, because readers of such an object would not agree on its
/// value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringMap<'a, V = JsonStr<'a>>(Option<Vec<(JsonStr<'a>, V)>>);

/// Labels or annotations.
pub type MetadataMap<'a> = StringMap<'a, MetadataValue<'a>>;

impl<V> Default for StringMap<'_, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a, V> StringMap<'a, V> {
    /// True if the object has the map, even an empty one.
    pub fn is_present(&self) -> bool {
        self.0.is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(JsonStr<'a>, V)> {
        self.0.iter().flatten()
    }

    /// Returns the entry for `key`, with the key as the object holds it.
    pub fn get(&self, key: &str) -> Option<&(JsonStr<'a>, V)> {
        let entries = self.0.as_deref()?;
        let position = entries.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        entries.get(position)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for StringMap<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringMapVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for StringMapVisitor<V> {
            type Value = StringMap<'de, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from string to string")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries: Vec<(JsonStr<'_>, V)> = Vec::with_capacity(16);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                for ((one, _), (next, _)) in entries.iter().zip(entries.iter().skip(1)) {
                    if one == next {
                        return Err(M::Error::custom(format_args!("duplicate key `{one}`")));
                    }
                }
                Ok(StringMap(Some(entries)))
            }
        }
        deserializer.deserialize_map(StringMapVisitor(PhantomData))
    }
}

/// Deserializes `null` as the default: users write it, and Go writes it for empty lists.
pub(in crate::policy) fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
