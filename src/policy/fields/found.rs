use std::borrow::Cow;

use serde::de::Error;
use serde_json::value::RawValue;

use super::ClaimKind;
use crate::kinds::Kind;
use crate::policy::object::{Path, Segment};

/// The unknown fields and the claims of one object.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub unknown: Vec<UnknownField<'a>>,
    pub claims: Vec<FoundClaim<'a>>,
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

/// The number of unknown fields at which the reader gives up. The object is then refused as unreadable.
pub(super) const MAX_UNKNOWN: usize = 1_000;

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
        if self.unknown.len() == MAX_UNKNOWN {
            return Err(E::custom(format_args!("more than {MAX_UNKNOWN} unknown fields")));
        }
        self.unknown.push(UnknownField { place, value });
        Ok(())
    }

    /// True if two objects have the same unknown fields with the same values.
    pub fn has_same_unknown(&self, other: &Self) -> bool {
        let entries = |found: &Self| -> Vec<(String, String)> {
            let entry =
                |field: &UnknownField<'_>| (found.path(field.place).pointer(), field.value.get().to_owned());
            found.unknown.iter().map(entry).collect()
        };
        self.unknown.len() == other.unknown.len() && entries(self) == entries(other)
    }
}

/// A field that the table does not list, with its value.
#[derive(Clone, Copy, Debug)]
pub struct UnknownField<'a> {
    pub place: FieldPlace<'a>,
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
