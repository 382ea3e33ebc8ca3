use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::custom_kind::{self, CustomKindError};

/// Maximum number of fields in a path: with their indices they fit into the paths of refusals.
const MAX_STEPS: usize = 7;

/// A kind that Bulkhead does not know, with the paths of the pod templates in its objects.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateKind {
    pub group: String,
    pub kind: String,
    /// The plural name.
    pub resource: String,
    /// Paths such as `spec.template`, or `spec.nodeSets[].podTemplate` for each item of a list.
    pub paths: BTreeSet<String>,
}

/// An invalid kind in the settings.
#[derive(Debug, thiserror::Error)]
pub enum TemplateKindError {
    #[error(transparent)]
    Kind(#[from] CustomKindError),
    #[error("paths: must not be empty; list the path of each pod template")]
    NoPaths,
    #[error(
        "paths: `{0}` is not a path of at most {MAX_STEPS} fields; write one such as `spec.template` or `spec.nodeSets[].podTemplate`"
    )]
    Path(String),
    #[error("kind: `{0}` has an entry already; list all of its paths there")]
    Repeated(String),
}

impl TemplateKind {
    /// Checks the names and paths, and that no `earlier` entry has the kind. The webhook configuration contains the
    /// paths as CEL.
    pub(super) fn validate(&self, earlier: &[Self]) -> Result<(), TemplateKindError> {
        let Self { group, kind, resource, paths } = self;
        let is_field = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_step = |step: &str| is_field(step.strip_suffix("[]").unwrap_or(step));
        let is_path = |path: &str| path.split('.').count() <= MAX_STEPS && path.split('.').all(is_step);
        custom_kind::validate([group, kind, resource])?;
        if paths.is_empty() {
            return Err(TemplateKindError::NoPaths);
        }
        if let Some(path) = paths.iter().find(|path| !is_path(path)) {
            return Err(TemplateKindError::Path(path.clone()));
        }
        let is_same =
            |other: &Self| other.group == *group && (other.kind == *kind || other.resource == *resource);
        if earlier.iter().any(is_same) {
            return Err(TemplateKindError::Repeated(kind.clone()));
        }
        Ok(())
    }
}
