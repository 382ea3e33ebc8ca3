use super::{Field, fields, free, judged, metadata, refused};

/// A ResourceQuota. One of the tenant's own can only limit the tenant further.
pub(super) static RESOURCE_QUOTA: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec"),
    judged("status", &["BH202"]),
];

/// A LimitRange. Kubernetes merges all of a namespace, so that the baseline has the only one.
pub(super) static LIMIT_RANGE: &[Field] =
    &[free("apiVersion"), free("kind"), fields("metadata", metadata::TABLE), refused("spec", &["BH204"])];
