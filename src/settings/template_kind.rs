use std::collections::BTreeSet;

use serde::Deserialize;

use crate::kinds::{Kind, Resource};

/// Maximum number of fields in a path: with their indices they fit into the paths of refusals.
const MAX_STEPS: usize = 7;

/// A kind that Bulkhead does not know, with the paths of the pod templates in its objects.
#[derive(Clone, Debug, Deserialize)]
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
    #[error("group: `{0}` is not the group of a custom resource; write one such as `argoproj.io`")]
    Group(String),
    #[error("kind: `{0}` is not the name of a kind; write one such as `Rollout`")]
    Kind(String),
    #[error("resource: `{0}` is not the plural name of a kind; write one such as `rollouts`")]
    Resource(String),
    #[error("paths: must not be empty; list the path of each pod template")]
    NoPaths,
    #[error(
        "paths: `{0}` is not a path of at most {MAX_STEPS} fields; write one such as `spec.template` or `spec.nodeSets[].podTemplate`"
    )]
    Path(String),
    #[error("kind: Bulkhead judges `{0}` without this setting; remove the entry")]
    Known(String),
    #[error("kind: `{0}` has an entry already; list all of its paths there")]
    Repeated(String),
}

impl TemplateKind {
    /// Checks the names and paths, and that neither Bulkhead nor an `earlier` entry has the kind. The webhook
    /// configuration contains them as CEL.
    pub(super) fn validate(&self, earlier: &[Self]) -> Result<(), TemplateKindError> {
        let Self { group, kind, resource, paths } = self;
        let is_label = |text: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !text.is_empty() && text.bytes().all(is_allowed)
        };
        let is_field = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_step = |step: &str| is_field(step.strip_suffix("[]").unwrap_or(step));
        let is_path = |path: &str| path.split('.').count() <= MAX_STEPS && path.split('.').all(is_step);
        if !group.contains('.') || !group.split('.').all(is_label) {
            return Err(TemplateKindError::Group(group.clone()));
        }
        if !kind.starts_with(|letter: char| letter.is_ascii_uppercase()) || !is_field(kind) {
            return Err(TemplateKindError::Kind(kind.clone()));
        }
        if !is_label(resource) {
            return Err(TemplateKindError::Resource(resource.clone()));
        }
        if paths.is_empty() {
            return Err(TemplateKindError::NoPaths);
        }
        if let Some(path) = paths.iter().find(|path| !is_path(path)) {
            return Err(TemplateKindError::Path(path.clone()));
        }
        if Kind::find(group, kind).is_some() || Resource::find(group, resource, "").is_some() {
            return Err(TemplateKindError::Known(kind.clone()));
        }
        let is_same =
            |other: &Self| other.group == *group && (other.kind == *kind || other.resource == *resource);
        if earlier.iter().any(is_same) {
            return Err(TemplateKindError::Repeated(kind.clone()));
        }
        Ok(())
    }
}
