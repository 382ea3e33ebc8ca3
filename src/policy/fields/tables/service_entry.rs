use super::{Field, fields, free, metadata, unjudged};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    unjudged("spec.addresses"),
    unjudged("spec.endpoints[].address"),
    unjudged("spec.endpoints[].labels"),
    free("spec.endpoints[].locality"),
    unjudged("spec.endpoints[].network"),
    free("spec.endpoints[].ports"),
    unjudged("spec.endpoints[].serviceAccount"),
    free("spec.endpoints[].weight"),
    unjudged("spec.exportTo"),
    unjudged("spec.hosts"),
    unjudged("spec.location"),
    free("spec.ports"),
    unjudged("spec.resolution"),
    unjudged("spec.subjectAltNames"),
    unjudged("spec.workloadSelector.labels"),
    free("status"),
];
