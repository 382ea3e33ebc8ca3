//! Metadata of every object.

use super::{Field, free, keys};

pub(super) static TABLE: &[Field] = &[
    keys("annotations"),
    free("creationTimestamp"),
    free("deletionGracePeriodSeconds"),
    free("deletionTimestamp"),
    free("finalizers"),
    free("generateName"),
    free("generation"),
    keys("labels"),
    free("managedFields"),
    free("name"),
    free("namespace"),
    free("ownerReferences"),
    free("resourceVersion"),
    free("selfLink"),
    free("uid"),
];
