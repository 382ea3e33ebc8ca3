use super::{Field, fields, free, judged, metadata};

/// A ResourceQuota. One of the tenant's own can only limit the tenant further.
pub(super) static RESOURCE_QUOTA: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec"),
    judged("status", &["BH202"]),
];

/// A LimitRange. Kubernetes merges all of a namespace, so that the baseline has the only one for containers and pods.
pub(super) static LIMIT_RANGE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.limits[].default"),
    free("spec.limits[].defaultRequest"),
    free("spec.limits[].max"),
    free("spec.limits[].maxLimitRequestRatio"),
    free("spec.limits[].min"),
    judged("spec.limits[].type", &["BH204"]),
];
