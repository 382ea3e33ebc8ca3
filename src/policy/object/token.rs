use serde::Deserialize;

use super::Text;
use super::text::nullable;

/// A request for a service account's token: for whom it is.
#[derive(Debug, Default, Deserialize)]
pub struct TokenRequest<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub audiences: Vec<Text<'a>>,
}

/// A secret: its kind, never its data.
#[derive(Debug, Deserialize)]
pub struct Secret<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Text<'a>>,
}
