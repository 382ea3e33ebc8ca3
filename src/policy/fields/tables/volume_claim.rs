use super::{Field, fields, free, limited, metadata};
use crate::policy::fields::Values;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    fields("spec", SPEC),
    free("status"),
];

/// The claim, also in the templates from which controllers create claims.
pub(super) static SPEC: &[Field] = &[
    free("accessModes"),
    // A snapshot or a claim in the same namespace.
    free("dataSource"),
    free("dataSourceRef.apiGroup"),
    free("dataSourceRef.kind"),
    free("dataSourceRef.name"),
    limited(
        "dataSourceRef.namespace",
        "BH321",
        Values::None,
        "is the namespace of data that can belong to another tenant",
    ),
    free("resources"),
    limited(
        "selector",
        "BH321",
        Values::None,
        "selects an existing volume, which can hold the data of others",
    ),
    // A quota limits the classes of a namespace.
    free("storageClassName"),
    free("volumeAttributesClassName"),
    free("volumeMode"),
    limited("volumeName", "BH321", Values::Empty, "is an existing volume, which can hold the data of others"),
];
