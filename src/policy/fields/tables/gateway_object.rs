//! Gateways of the Gateway API, and objects beside them: only the platform writes them.

use super::{Field, fields, free, metadata, refused};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    refused("spec", &["BH906"]),
    free("status"),
];

pub(super) static REFERENCE_GRANT: &[Field] =
    &[free("apiVersion"), free("kind"), fields("metadata", metadata::TABLE), refused("spec", &["BH906"])];
