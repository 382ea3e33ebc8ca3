use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Metadata, Path};
use crate::keys::SERVICE_ACCOUNT_ANNOTATION;

/// A request for a service account token, limited to its audiences.
#[derive(Debug, Default, Deserialize)]
pub struct TokenRequest<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    audiences: Vec<JsonStr<'a>>,
}

/// A Secret without its data.
#[derive(Debug, Deserialize)]
pub struct Secret<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Metadata<'a>,
}

impl<'a> TokenRequest<'a> {
    pub fn audiences(&self) -> Located<'static, &[JsonStr<'a>]> {
        Located { value: &self.audiences, path: Path::of(&["spec", "audiences"]) }
    }
}

impl Secret<'_> {
    /// Returns the field `type`.
    pub fn kind(&self) -> Located<'static, Option<&str>> {
        Located { value: self.kind.as_deref(), path: Path::of(&["type"]) }
    }

    /// Returns the service account whose token the Secret holds.
    pub fn account(&self) -> Option<&str> {
        self.metadata.at_root().annotation(SERVICE_ACCOUNT_ANNOTATION).map(|account| account.value)
    }
}
