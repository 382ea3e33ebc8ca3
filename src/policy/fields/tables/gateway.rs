use super::{Field, fields, free, judged, metadata};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.selector", &["BH612"]),
    // Of the tenant's own gateways.
    free("spec.servers"),
    free("status"),
];
