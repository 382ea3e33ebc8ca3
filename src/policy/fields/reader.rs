//! Reads a typed view of an object, and finds the fields that the kind's table does not list in the same pass.
//!
//! [`Reader`] is a deserializer around serde_json's: it follows the object's keys in the tree of the table. Below a
//! field with a treatment it hands over to serde_json, so that only the fields that lead to others cost anything.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

use super::{ClaimKind, Node, Treatment};
use crate::kinds::Kind;
use crate::policy::object::{Path, Segment};

/// The unknown fields and the claims of one object.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub unknown: Vec<UnknownField<'a>>,
    pub claims: Vec<FoundClaim<'a>>,
}

/// A field that the table does not list, with its value.
#[derive(Clone, Debug)]
pub struct UnknownField<'a> {
    pub path: Path<'a>,
    pub value: &'a RawValue,
}

impl UnknownField<'_> {
    /// Returns the kind whose table lacks the field, and its path there: a field of a pod template is a field of pods.
    pub fn in_table(&self, kind: Kind) -> (Kind, String) {
        let pattern = self.path.pattern();
        let template = kind.template().unwrap_or_default().join(".");
        match pattern.strip_prefix(&template).and_then(|rest| rest.strip_prefix('.')) {
            Some(field) if !template.is_empty() => (Kind::Pod, field.to_owned()),
            _ => (kind, pattern),
        }
    }
}

impl PartialEq for UnknownField<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.path.pointer() == other.path.pointer() && self.value.get() == other.value.get()
    }
}

/// A field that names something: the text, and what it names.
#[derive(Clone, Debug)]
pub struct FoundClaim<'a> {
    pub kind: ClaimKind,
    pub text: Cow<'a, str>,
    pub path: Path<'a>,
}

/// Reads an object, and finds its unknown fields and its claims.
pub fn read<'a, T: Deserialize<'a>>(
    tree: &'static Node,
    raw: &'a RawValue,
    found: &mut Found<'a>,
) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let root = Place { node: tree, parent: None };
    T::deserialize(Reader { inner: &mut json, place: &root, found })
}

/// A value in the object, linked up to the root: a path costs nothing until it is needed.
struct Place<'p, 'de> {
    node: &'static Node,
    parent: Option<(&'p Place<'p, 'de>, Segment<'de>)>,
}

impl<'de> Place<'_, 'de> {
    fn path(&self) -> Path<'de> {
        self.parent.map_or_else(Path::default, |(parent, segment)| parent.path().then(segment))
    }

    fn path_to(&self, segment: Segment<'de>) -> Path<'de> {
        self.path().then(segment)
    }
}

/// A deserializer, seed, visitor or access of serde's, and the place of the value that it reads.
struct Reader<'p, 'f, 'de, T> {
    inner: T,
    place: &'p Place<'p, 'de>,
    found: &'f mut Found<'de>,
}

/// Hands scalars to serde_json, and keeps track of objects and lists.
macro_rules! pass_on {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.inner.$method(visitor)
        })*
    };
}

macro_rules! keep_track {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Self::Error> {
            let Self { inner, place, found } = self;
            inner.$method($($argument,)* Reader { inner: visitor, place, found })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Reader<'_, '_, 'de, D> {
    type Error = D::Error;

    keep_track! {
        deserialize_any()
        deserialize_option()
        deserialize_seq()
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
    }

    pass_on! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
    }

    /// A view that ignores an object does not end the search for unknown fields in it.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_any(visitor)
    }

    /// Reads raw JSON: serde_json's `RawValue` asks for a newtype, and takes a map from the newtype's name to the text.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let Self { inner, place, found } = self;
        let raw = <&RawValue>::deserialize(inner)?;
        let mut json = serde_json::Deserializer::from_str(raw.get());
        IgnoredAny::deserialize(Reader { inner: &mut json, place, found }).map_err(D::Error::custom)?;
        let entry = (BorrowedStrDeserializer::new(name), BorrowedStrDeserializer::new(raw.get()));
        visitor.visit_map(MapDeserializer::new(std::iter::once(entry)))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_enum(name, variants, visitor)
    }
}

macro_rules! visit_scalars {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<Self::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reader<'_, '_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit_scalars! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_borrowed_str(&'de str) }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let Self { inner, place, found } = self;
        inner.visit_some(Reader { inner: deserializer, place, found })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        self.inner.visit_seq(Items { access, place: self.place, found: self.found, index: 0 })
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        self.inner.visit_map(Entries { access, place: self.place, found: self.found, entry: None })
    }
}

/// Reads one value below `place`, at `segment`; `node` is its node in the table.
struct Value<'p, 'f, 'de, S> {
    seed: S,
    place: &'p Place<'p, 'de>,
    segment: Segment<'de>,
    node: &'static Node,
    found: &'f mut Found<'de>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Value<'_, '_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let Self { seed, place: parent, segment, node, found } = self;
        match node.treatment {
            None => {
                let place = Place { node, parent: Some((parent, segment)) };
                seed.deserialize(Reader { inner: deserializer, place: &place, found })
            }
            Some(Treatment::Claim(kind)) if !matches!(segment, Segment::Key(_)) => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                if let Ok(Some(text)) = serde_json::from_str::<Option<Text<'de>>>(raw.get()) {
                    found.claims.push(FoundClaim { kind, text: text.0, path: parent.path_to(segment) });
                }
                seed.deserialize(raw).map_err(D::Error::custom)
            }
            Some(_) => seed.deserialize(deserializer),
        }
    }
}

/// Borrows unless the JSON has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Items<'p, 'f, 'de, A> {
    access: A,
    place: &'p Place<'p, 'de>,
    found: &'f mut Found<'de>,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, '_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let segment = Segment::Index(self.index);
        self.index += 1;
        let Some(node) = self.place.node.elements() else {
            let Some(value) = self.access.next_element::<&RawValue>()? else { return Ok(None) };
            self.found.unknown.push(UnknownField { path: self.place.path_to(segment), value });
            return seed.deserialize(value).map(Some).map_err(A::Error::custom);
        };
        self.access.next_element_seed(Value { seed, place: self.place, segment, node, found: self.found })
    }
}

struct Entries<'p, 'f, 'de, A> {
    access: A,
    place: &'p Place<'p, 'de>,
    found: &'f mut Found<'de>,
    /// The entry whose key was read, and its node in the table.
    entry: Option<(Segment<'de>, Option<&'static Node>)>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, '_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let Self { access, place, found, entry } = self;
        access.next_key_seed(Key { inner: seed, place, found, entry })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.entry.take() {
            Some((segment, Some(node))) => self.access.next_value_seed(Value {
                seed,
                place: self.place,
                segment,
                node,
                found: self.found,
            }),
            Some((segment, None)) => {
                let value: &RawValue = self.access.next_value()?;
                self.found.unknown.push(UnknownField { path: self.place.path_to(segment), value });
                seed.deserialize(value).map_err(A::Error::custom)
            }
            None => self.access.next_value_seed(seed),
        }
    }
}

/// A seed, deserializer or visitor of a key, which is looked up in the table.
struct Key<'k, 'p, 'de, T> {
    inner: T,
    place: &'k Place<'p, 'de>,
    found: &'k mut Found<'de>,
    entry: &'k mut Option<(Segment<'de>, Option<&'static Node>)>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, '_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let Self { inner, place, found, entry } = self;
        inner.deserialize(Key { inner: deserializer, place, found, entry })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Key<'_, '_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Self { inner, place, found, entry } = self;
        inner.deserialize_str(Key { inner: visitor, place, found, entry })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Key<'_, '_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<V::Value, E> {
        *self.entry = Some(enter(self.place, Cow::Borrowed(key), self.found));
        self.inner.visit_borrowed_str(key)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<V::Value, E> {
        *self.entry = Some(enter(self.place, Cow::Owned(key.to_owned()), self.found));
        self.inner.visit_str(key)
    }
}

/// Looks up `key` in the object at `place`, and keeps it if it is a claim.
fn enter<'de>(
    place: &Place<'_, 'de>,
    key: Cow<'de, str>,
    found: &mut Found<'de>,
) -> (Segment<'de>, Option<&'static Node>) {
    if let Some(node) = place.node.field(&key) {
        return (Segment::Field(node.name), Some(node));
    }
    let Some(node) = place.node.elements() else {
        return (borrowed(&key, Segment::Field), None);
    };
    let segment = borrowed(&key, Segment::Key);
    if let Some(Treatment::Claim(kind)) = node.treatment {
        found.claims.push(FoundClaim { kind, text: key, path: place.path_to(segment) });
    }
    (segment, Some(node))
}

/// A key with escapes in the JSON cannot be borrowed, and is left out of paths.
fn borrowed<'de>(key: &Cow<'de, str>, segment: impl Fn(&'de str) -> Segment<'de>) -> Segment<'de> {
    match key {
        Cow::Borrowed(key) => segment(key),
        Cow::Owned(_) => Segment::Omitted,
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;
    use crate::kinds::Kind;
    use crate::policy::fields::tree;

    fn found(kind: Kind, json: &str) -> serde_json::Result<(Vec<String>, Vec<String>)> {
        let raw: &RawValue = serde_json::from_str(json)?;
        let mut found = Found::default();
        read::<IgnoredAny>(tree(kind), raw, &mut found)?;
        let unknown = found.unknown.iter().map(|field| format!("{} = {}", field.path, field.value));
        let claims = found.claims.iter().map(|claim| format!("{} = {}", claim.path, claim.text));
        Ok((unknown.collect(), claims.collect()))
    }

    #[test]
    fn unknown_fields_are_found_at_every_depth() -> serde_json::Result<()> {
        let pod = r#"{"kind":"Pod","new":1,"metadata":{"labels":{"a":"b"},"fresh":null},
            "spec":{"containers":[{"name":"a","next":{"x":[1]}},{"name":"b"}],"affinity":{"any":1},"\u0061":2}}"#;
        let (unknown, claims) = found(Kind::Pod, pod)?;
        assert_eq!(
            unknown,
            ["new = 1", "metadata.fresh = null", "spec.containers[0].next = {\"x\":[1]}", "spec… = 2"]
        );
        assert!(claims.is_empty());
        Ok(())
    }

    #[test]
    fn claims_are_the_keys_of_maps_and_the_items_of_lists() -> serde_json::Result<()> {
        let service =
            r#"{"spec":{"http":[{},{"headers":{"request":{"set":{"A":"1","B":"2"},"remove":["c",null]}}}]}}"#;
        let (unknown, claims) = found(Kind::VirtualService, service)?;
        assert!(unknown.is_empty());
        assert_eq!(
            claims,
            [
                "spec.http[1].headers.request.set[A] = A",
                "spec.http[1].headers.request.set[B] = B",
                "spec.http[1].headers.request.remove[0] = c",
            ]
        );
        Ok(())
    }
}
