use super::{Field, fields, free, judged, metadata};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.mtls.mode", &["BH701"]),
    judged("spec.portLevelMtls{}.mode", &["BH701"]),
    judged("spec.selector.matchLabels", &["BH701"]),
    free("status"),
];
