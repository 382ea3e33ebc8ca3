use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// A RoleBinding, limited to its subjects.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RoleBinding<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    subjects: Vec<BoundSubject<'a>>,
}

/// A user, a group or a service account that gets a role.
#[derive(Debug, Deserialize)]
pub struct BoundSubject<'a> {
    #[serde(borrow)]
    pub kind: JsonStr<'a>,
    #[serde(borrow)]
    pub name: JsonStr<'a>,
    /// The namespace of a service account.
    #[serde(borrow, default)]
    pub namespace: Option<JsonStr<'a>>,
}

impl<'a> RoleBinding<'a> {
    pub fn subjects(&self) -> Located<'static, &[BoundSubject<'a>]> {
        Located { value: &self.subjects, path: Path::of(&["subjects"]) }
    }
}
