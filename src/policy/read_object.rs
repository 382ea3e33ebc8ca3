use serde::Deserializer;
use serde::de::Error;
use serde_json::value::RawValue;

use super::fields::Found;
use super::object::{Object, ObjectError, Stage};
use crate::kinds::Kind;

/// An object, with its unknown fields and its claims.
#[derive(Debug)]
pub struct ReadObject<'a> {
    pub(super) object: Object<'a>,
    pub(super) found: Found<'a>,
}

impl<'a> ReadObject<'a> {
    pub(super) fn read(kind: Kind, raw: &'a RawValue, stage: Stage) -> Result<Self, ObjectError> {
        let mut found = Found::default();
        let object = Object::read(kind, raw, stage, &mut found)?;
        Ok(Self { object, found })
    }

    /// Stands for an object of which nothing is judged.
    pub(super) fn unread() -> Self {
        Self { object: Object::Opaque, found: Found::default() }
    }

    /// Reads an object in the middle of a review. After an error, the review must be read again with the object as raw
    /// JSON, because only then the error is a verdict. An object of the baseline is one: rules read the whole of it.
    pub fn deserialize<D: Deserializer<'a>>(
        kind: Kind,
        deserializer: D,
        stage: Stage,
    ) -> Result<Self, D::Error> {
        let mut found = Found::default();
        let object = Object::deserialize(kind, deserializer, stage, &mut found)?.map_err(D::Error::custom)?;
        match &object {
            Object::Policy(policy) if policy.has_baseline_name() => {
                Err(D::Error::custom("an object of the baseline"))
            }
            _ => Ok(Self { object, found }),
        }
    }
}
