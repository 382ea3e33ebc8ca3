use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Metadata};

/// A request for a service account's token: for whom it is.
#[derive(Debug, Default, Deserialize)]
pub struct TokenRequest<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub audiences: Vec<JsonStr<'a>>,
}

/// A secret: its kind, never its data.
#[derive(Debug, Deserialize)]
pub struct Secret<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Metadata<'a>,
}

impl Secret<'_> {
    /// The account whose token it holds.
    pub fn account(&self) -> Option<&str> {
        self.metadata.at_root().annotation("kubernetes.io/service-account.name").map(|account| account.value)
    }
}
