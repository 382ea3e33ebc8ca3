use std::borrow::Cow;

use serde::de::Error;
use serde_json::value::RawValue;

use super::ClaimKind;
use super::limit::Limit;
use crate::kinds::Kind;
use crate::policy::object::{Path, Segment};

/// The unknown fields, the claims and the limited fields of one object.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub unknown: Vec<UnknownField<'a>>,
    pub claims: Vec<FoundClaim<'a>>,
    /// The limited fields whose value is not allowed in every mesh.
    pub limited: Vec<LimitedField<'a>>,
    /// The objects and lists that hold them: the index of the parent, and the step from there. An object can have very
    /// many claims, which share these steps.
    pub(super) places: Vec<(Option<u32>, Segment<'a>)>,
}

/// A field's object or list, by its index in [`Found`], and the step from there to the field.
#[derive(Clone, Copy, Debug)]
pub struct FieldPlace<'a> {
    pub(super) parent: Option<u32>,
    pub(super) segment: Segment<'a>,
}

impl FieldPlace<'_> {
    /// Returns the name of the field. `None` for an item of a list.
    pub fn name(&self) -> Option<&str> {
        match self.segment {
            Segment::Field(name) | Segment::Key(name) => Some(name),
            Segment::Index(_) | Segment::Omitted => None,
        }
    }
}

/// The number of unknown fields, and of limited ones, at which the reader gives up. The object is then refused as
/// unreadable.
pub(super) const MAX_FOUND: usize = 1_000;

impl<'a> Found<'a> {
    /// Returns the path of a field that was found.
    pub fn path(&self, place: FieldPlace<'a>) -> Path<'a> {
        let parent = place.parent.and_then(|index| self.places.get(index as usize));
        let parent = parent.map(|(parent, segment)| FieldPlace { parent: *parent, segment: *segment });
        parent.map_or_else(Path::default, |parent| self.path(parent)).then(place.segment)
    }

    pub(super) fn add_unknown<E: Error>(
        &mut self,
        place: FieldPlace<'a>,
        value: &'a RawValue,
    ) -> Result<(), E> {
        push(&mut self.unknown, UnknownField { place, value }, "unknown fields")
    }

    pub(super) fn add_limited<E: Error>(
        &mut self,
        place: FieldPlace<'a>,
        limit: Limit,
        value: &'a RawValue,
    ) -> Result<(), E> {
        push(&mut self.limited, LimitedField { place, limit, value }, "fields with a value of their own")
    }
}

fn push<T, E: Error>(list: &mut Vec<T>, field: T, what: &str) -> Result<(), E> {
    if list.len() == MAX_FOUND {
        return Err(E::custom(format_args!("more than {MAX_FOUND} {what}")));
    }
    list.push(field);
    Ok(())
}

/// A field that the table does not list, with its value.
#[derive(Clone, Copy, Debug)]
pub struct UnknownField<'a> {
    pub place: FieldPlace<'a>,
    pub value: &'a RawValue,
}

/// A field with a value that its table does not allow in every mesh.
#[derive(Clone, Copy, Debug)]
pub struct LimitedField<'a> {
    pub place: FieldPlace<'a>,
    pub limit: Limit,
    pub value: &'a RawValue,
}

/// Returns the kind whose table lacks the field of `kind` at `path`, and its path there: a field of a pod template is a
/// field of pods.
pub fn place_in_table(kind: Kind, path: &Path<'_>) -> (Kind, String) {
    let pattern = path.pattern();
    let template = kind.template().unwrap_or_default().join(".");
    match pattern.strip_prefix(&template).and_then(|rest| rest.strip_prefix('.')) {
        Some(field) if !template.is_empty() => (Kind::Pod, field.to_owned()),
        _ => (kind, pattern),
    }
}

/// A field that names something: the text, and what it names.
#[derive(Clone, Debug)]
pub struct FoundClaim<'a> {
    pub kind: ClaimKind,
    pub text: Cow<'a, str>,
    pub place: FieldPlace<'a>,
}
