use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Metadata, ObjectError};
use crate::kinds::Kind;
use crate::policy::fields::{self, Found};

/// The common parts of every object: API version, kind, metadata and spec.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::policy) struct TypedObject<'a, S> {
    #[serde(borrow)]
    api_version: JsonStr<'a>,
    #[serde(borrow)]
    kind: JsonStr<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(in crate::policy) metadata: Metadata<'a>,
    #[serde(default = "Option::default")]
    pub(in crate::policy) spec: Option<S>,
}

impl<'a, S: Deserialize<'a>> TypedObject<'a, S> {
    pub(in crate::policy) fn read(
        announced: Kind,
        raw: &'a RawValue,
        found: &mut Found<'a>,
    ) -> Result<Self, ObjectError> {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        Self::deserialize_as(announced, &mut json, found)?.checked(announced)
    }

    /// Deserializes an object that should be of the announced kind; [`Self::checked`] checks that it is.
    pub(super) fn deserialize_as<D: Deserializer<'a>>(
        announced: Kind,
        deserializer: D,
        found: &mut Found<'a>,
    ) -> Result<Self, D::Error> {
        fields::read(fields::tree(announced), deserializer, found)
    }

    pub(super) fn checked(self, announced: Kind) -> Result<Self, ObjectError> {
        let group = self.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        if group == announced.group() && *self.kind == *announced.name() {
            return Ok(self);
        }
        Err(ObjectError::OtherKind {
            announced: announced.name(),
            api_version: self.api_version.to_string(),
            kind: self.kind.to_string(),
        })
    }
}

impl<'a, S: Default> TypedObject<'a, S> {
    /// Returns the metadata, and the spec converted by `made`.
    pub(super) fn into_parts<T>(self, made: impl FnOnce(S) -> T) -> (Metadata<'a>, T) {
        (self.metadata, made(self.spec.unwrap_or_default()))
    }
}
