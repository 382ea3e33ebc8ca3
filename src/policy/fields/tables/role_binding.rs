use super::{Field, claim, fields, free, metadata};
use crate::policy::fields::ClaimKind::Subject;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    // Kubernetes refuses to bind a role with rights that the user does not have.
    free("roleRef"),
    free("subjects[].apiGroup"),
    claim("subjects[].kind", Subject),
    claim("subjects[].name", Subject),
    claim("subjects[].namespace", Subject),
];
