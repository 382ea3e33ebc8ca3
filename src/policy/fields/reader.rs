//! Reads a typed view of an object. In the same pass it finds the fields that the kind's table does not list, the claims
//! and the limited fields.
//!
//! [`Reader`] is a deserializer around serde_json's: it follows the object's keys in the tree of the table. Below a
//! field with a treatment it hands over to serde_json, so that only the fields that lead to others cost anything.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

use super::found::{FieldPlace, Found, FoundClaim};
use super::{ClaimKind, Node, Treatment};
use crate::policy::object::Segment;

/// Raw JSON in a view, in which the reader looks for unknown fields too. It does not look into other raw JSON: that
/// is for views that judge the whole value themselves.
#[derive(Debug)]
pub struct SearchedValue<'a>(pub &'a RawValue);

impl SearchedValue<'_> {
    const NAME: &'static str = "bulkhead::SearchedValue";
}

impl<'de: 'a, 'a> Deserialize<'de> for SearchedValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SearchedValueVisitor;
        impl<'de> Visitor<'de> for SearchedValueVisitor {
            type Value = SearchedValue<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
                Deserialize::deserialize(value).map(SearchedValue)
            }
        }
        deserializer.deserialize_newtype_struct(Self::NAME, SearchedValueVisitor)
    }
}

/// Reads an object, and finds its unknown fields and its claims.
pub fn read<'a, T: Deserialize<'a>, D: Deserializer<'a>>(
    tree: &'static Node,
    deserializer: D,
    found: &mut Found<'a>,
) -> Result<T, D::Error> {
    if tree.treatment.is_some() {
        return T::deserialize(deserializer);
    }
    let root = Place::new(tree, None);
    T::deserialize(Reader { inner: deserializer, place: &root, found })
}

/// An object or a list, linked up to the root: a path costs nothing until something is found.
struct Place<'p, 'de> {
    node: &'static Node,
    parent: Option<(&'p Place<'p, 'de>, Segment<'de>)>,
    /// The index in [`Found`], once something was found here.
    index: Cell<Option<u32>>,
    /// The index in the node of the field after the one that was read last.
    next_field: Cell<usize>,
}

impl<'p, 'de> Place<'p, 'de> {
    fn new(node: &'static Node, parent: Option<(&'p Place<'p, 'de>, Segment<'de>)>) -> Self {
        Self { node, parent, index: Cell::new(None), next_field: Cell::new(0) }
    }

    /// Returns the place of the field at `segment`.
    fn field(&self, segment: Segment<'de>, found: &mut Found<'de>) -> FieldPlace<'de> {
        FieldPlace { parent: self.index(found), segment }
    }

    fn index(&self, found: &mut Found<'de>) -> Option<u32> {
        let (parent, segment) = self.parent?;
        if self.index.get().is_none() {
            let parent = parent.index(found);
            self.index.set(u32::try_from(found.places.len()).ok());
            found.places.push((parent, segment));
        }
        self.index.get()
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

    /// Reads raw JSON, in which only [`SearchedValue`] asks for a search.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let Self { inner, place, found } = self;
        if name != SearchedValue::NAME {
            return inner.deserialize_newtype_struct(name, visitor);
        }
        let raw = <&RawValue>::deserialize(inner)?;
        let mut json = serde_json::Deserializer::from_str(raw.get());
        IgnoredAny::deserialize(Reader { inner: &mut json, place, found }).map_err(D::Error::custom)?;
        visitor.visit_newtype_struct(raw).map_err(D::Error::custom)
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

impl<'de, V: Visitor<'de>> Visitor<'de> for Reader<'_, '_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

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
                let place = Place::new(node, Some((parent, segment)));
                seed.deserialize(Reader { inner: deserializer, place: &place, found })
            }
            Some(Treatment::Claim(kind)) if kind.is_text() && !matches!(segment, Segment::Key(_)) => {
                let claim = Claim { kind, place: parent, segment, found };
                seed.deserialize(Text { inner: deserializer, claim })
            }
            Some(Treatment::Limited(limit)) => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                if !limit.values.always_allow(raw) {
                    let place = parent.field(segment, found);
                    found.add_limited(place, limit, raw)?;
                }
                seed.deserialize(raw).map_err(D::Error::custom)
            }
            Some(_) => seed.deserialize(deserializer),
        }
    }
}

/// A claim whose text is read next.
struct Claim<'p, 'f, 'de> {
    kind: ClaimKind,
    place: &'p Place<'p, 'de>,
    segment: Segment<'de>,
    found: &'f mut Found<'de>,
}

impl<'de> Claim<'_, '_, 'de> {
    fn keep(self, text: Cow<'de, str>) {
        let Self { kind, place, segment, found } = self;
        let place = place.field(segment, found);
        found.claims.push(FoundClaim { kind, text, place });
    }

    /// Fails for an item of a list, where `null` is a value. A field can be absent.
    fn leave_out<E: Error>(self) -> Result<(), E> {
        match self.segment {
            Segment::Field(_) => Ok(()),
            _ => Err(E::invalid_type(Unexpected::Unit, &"a string")),
        }
    }
}

/// A deserializer or visitor of the text of a claim.
struct Text<'p, 'f, 'de, T> {
    inner: T,
    claim: Claim<'p, 'f, 'de>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Text<'_, '_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Text { inner: visitor, claim: self.claim })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Text { inner: visitor, claim: self.claim })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Text<'_, '_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.claim.keep(Cow::Borrowed(text));
        self.inner.visit_borrowed_str(text)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.claim.keep(Cow::Owned(text.to_owned()));
        self.inner.visit_str(text)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.claim.leave_out()?;
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.claim.leave_out()?;
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Text { inner: deserializer, claim: self.claim })
    }
}

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
            let place = self.place.field(segment, self.found);
            self.found.add_unknown(place, value)?;
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
                let place = self.place.field(segment, self.found);
                self.found.add_unknown(place, value)?;
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
#[inline]
fn enter<'de>(
    place: &Place<'_, 'de>,
    key: Cow<'de, str>,
    found: &mut Found<'de>,
) -> (Segment<'de>, Option<&'static Node>) {
    if let Some((index, name, node)) = place.node.field_from(place.next_field.get(), &key) {
        place.next_field.set(index + 1);
        return (Segment::Field(name), Some(node));
    }
    let Some(node) = place.node.elements() else {
        return (borrowed(&key, Segment::Field), None);
    };
    let segment = borrowed(&key, Segment::Key);
    if let Some(Treatment::Claim(kind)) = node.treatment {
        let place = place.field(segment, found);
        found.claims.push(FoundClaim { kind, text: key, place });
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
    use crate::policy::fields::found::{MAX_FOUND, place_in_table};
    use crate::policy::fields::tree;

    fn found(kind: Kind, json: &str) -> serde_json::Result<(Vec<String>, Vec<String>)> {
        let mut found = Found::default();
        read::<IgnoredAny, _>(tree(kind), &mut serde_json::Deserializer::from_str(json), &mut found)?;
        let unknown =
            found.unknown.iter().map(|field| format!("{} = {}", found.path(field.place), field.value));
        let claims = found.claims.iter().map(|claim| format!("{} = {}", found.path(claim.place), claim.text));
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
            r#"{"spec":{"http":[{},{"headers":{"request":{"set":{"A":"1","B":"2"},"remove":["c"]}}}]}}"#;
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

    #[test]
    fn values_of_another_shape_are_errors() {
        for service in [
            r#"{"spec":{"http":[{"headers":{"request":{"set":"X-Tenant-Identity"}}}]}}"#,
            r#"{"spec":{"http":[{"headers":{"request":{"remove":"X-Tenant-Identity"}}}]}}"#,
            r#"{"spec":{"http":[{"headers":{"request":{"remove":[["X-Tenant-Identity"]]}}}]}}"#,
            r#"{"spec":{"http":[{"headers":{"request":{"remove":[null]}}}]}}"#,
            r#"{"spec":{"http":7}}"#,
        ] {
            assert!(found(Kind::VirtualService, service).is_err(), "{service}");
        }
    }

    #[test]
    fn too_many_unknown_fields_are_an_error() {
        let fields = |count| format!(r#"{{"kind":"Pod"{}}}"#, r#","new":0"#.repeat(count));
        assert!(found(Kind::Pod, &fields(MAX_FOUND)).is_ok());
        assert!(found(Kind::Pod, &fields(MAX_FOUND + 1)).is_err());
    }

    #[test]
    fn name_with_dots_is_not_a_path() -> serde_json::Result<()> {
        let mut json = serde_json::Deserializer::from_str(
            r#"{"kind":"Deployment","spec":{"template.spec.newField":1}}"#,
        );
        let mut found = Found::default();
        read::<IgnoredAny, _>(tree(Kind::Deployment), &mut json, &mut found)?;
        let paths: Vec<_> = found
            .unknown
            .iter()
            .map(|field| place_in_table(Kind::Deployment, &found.path(field.place)))
            .collect();
        assert_eq!(paths, [(Kind::Deployment, "spec.…".to_owned())]);
        Ok(())
    }
}
