use serde::Deserialize;

use super::text::nullable;
use super::{Located, Path, StringMap};

/// Spec of an Istio Gateway: the labels of the gateways that it configures.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Gateway<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    selector: StringMap<'a>,
}

impl<'a> Gateway<'a> {
    /// Returns the selector. An empty one selects every gateway of the mesh.
    pub fn selector(&self) -> Located<'static, &StringMap<'a>> {
        Located { value: &self.selector, path: Path::of(&["spec", "selector"]) }
    }
}
