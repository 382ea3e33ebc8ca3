use serde::Deserialize;
use serde_json::value::RawValue;

use super::JudgeError;
use super::object::{ObjectError, Stage};
use super::read_object::ReadObject;
use crate::snapshot::User;

/// A request to judge, from an API server or from a file in CI.
#[derive(Clone, Debug, Default)]
pub struct Review<'a> {
    pub operation: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    /// Empty for an object without a namespace.
    pub namespace: &'a str,
    /// True if the API server sees no tenant label on the namespace.
    pub is_in_unowned_namespace: bool,
    pub user: User<'a>,
    /// The stage at which pods are judged: an API server asks about objects that it is about to store.
    pub stage: Stage,
    /// The time of the request, in seconds since 1970.
    pub time: i64,
    pub object: Option<ReviewObject<'a>>,
    pub old_object: Option<&'a RawValue>,
}

/// The object of a review.
#[derive(Clone, Copy, Debug)]
pub enum ReviewObject<'a> {
    Raw(&'a RawValue),
    /// An object that was read in the same pass as the review, and the JSON text that begins with it.
    Read(&'a ReadObject<'a>, &'a str),
}

impl<'a> ReviewObject<'a> {
    /// Returns the length of the object in bytes, or a little more.
    pub fn byte_length(self) -> usize {
        match self {
            Self::Raw(raw) => raw.get().len(),
            Self::Read(_, text) => text.len(),
        }
    }

    /// Returns the object to read it in another way, which costs another pass if it was read already.
    pub fn raw(self) -> Result<&'a RawValue, ObjectError> {
        match self {
            Self::Raw(raw) => Ok(raw),
            Self::Read(_, text) => {
                Ok(Deserialize::deserialize(&mut serde_json::Deserializer::from_str(text))?)
            }
        }
    }
}

impl<'a> From<&'a RawValue> for ReviewObject<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self::Raw(raw)
    }
}

impl<'a> Review<'a> {
    /// Returns the resource in RBAC notation: `deployments.apps/scale`.
    pub fn resource_name(&self) -> String {
        let mut name = self.resource.to_owned();
        for (mark, part) in [('.', self.group), ('/', self.subresource)] {
            if !part.is_empty() {
                name.push(mark);
                name.push_str(part);
            }
        }
        name
    }

    pub(super) fn object(&self) -> Result<ReviewObject<'a>, JudgeError> {
        self.object.ok_or(JudgeError::MissingObject("object"))
    }

    pub(super) fn old_object(&self) -> Result<&'a RawValue, JudgeError> {
        self.old_object.ok_or(JudgeError::MissingObject("oldObject"))
    }

    pub(super) fn unregistered(&self) -> JudgeError {
        JudgeError::Unregistered { operation: self.operation.to_owned(), resource: self.resource_name() }
    }
}
