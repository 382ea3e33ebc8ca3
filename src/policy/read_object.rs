use serde::Deserializer;
use serde_json::value::RawValue;

use super::fields::Found;
use super::object::{Object, ObjectError, Stage, Workload};
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

    /// Reads a pod in the middle of a review. After an error, the review must be read again with the pod as raw JSON,
    /// because only then the error is a verdict.
    pub fn deserialize_pod<D: Deserializer<'a>>(deserializer: D, stage: Stage) -> Result<Self, D::Error> {
        let mut found = Found::default();
        let object = Object::Workload(Workload::deserialize_pod(deserializer, stage, &mut found)?);
        Ok(Self { object, found })
    }
}
