//! WorkloadEntry and WorkloadGroup: only the platform and istiod write them.

use super::{Field, fields, free, metadata, refused};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    refused("spec", &["BH902"]),
    free("status"),
];
