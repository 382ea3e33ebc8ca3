use serde::Deserialize;

use super::Text;
use super::text::nullable;

/// A container, as far as rules read it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub image: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub command: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub args: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub restart_policy: Option<Text<'a>>,
    #[serde(default, deserialize_with = "nullable")]
    pub security_context: SecurityContext,
}

/// What of a container's security context rules read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityContext {
    #[serde(default)]
    pub run_as_user: Option<i64>,
}
