use serde::Deserialize;

use super::{JsonStr, Located, Path};

/// The options of a connection to a pod, limited to those that rules read.
#[derive(Debug, Deserialize)]
pub struct Connection<'a> {
    /// Absent or empty: the only container, or the first one.
    #[serde(borrow, default)]
    container: Option<JsonStr<'a>>,
    /// The path of a call through the API server.
    #[serde(borrow, default)]
    path: Option<JsonStr<'a>>,
}

impl Connection<'_> {
    pub fn container(&self) -> Located<'static, &str> {
        Located { value: self.container.as_deref().unwrap_or_default(), path: Path::of(&["container"]) }
    }

    pub fn path(&self) -> Located<'static, &str> {
        Located { value: self.path.as_deref().unwrap_or_default(), path: Path::of(&["path"]) }
    }
}
