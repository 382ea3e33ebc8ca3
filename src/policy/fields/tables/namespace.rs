use super::{Field, fields, free, judged, metadata};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("metadata.finalizers", &["BH105"]),
    judged("metadata.generateName", &["BH101", "BH104", "BH106", "BH110"]),
    judged("metadata.name", &["BH101", "BH104", "BH106", "BH110"]),
    judged("metadata.ownerReferences", &["BH105"]),
    judged("spec.finalizers", &["BH105"]),
    judged("status.conditions", &["BH103"]),
    free("status.phase"),
];
