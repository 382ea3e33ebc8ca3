use super::{Field, fields, free, metadata, unjudged};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    unjudged("roleRef"),
    unjudged("subjects"),
];
