use super::{Field, claim, fields, free, judged, metadata, unjudged};
use crate::policy::fields::ClaimKind::{Address, Export, ServedHost};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    claim("spec.addresses[]", Address),
    claim("spec.endpoints[].address", Address),
    free("spec.endpoints[].labels"),
    free("spec.endpoints[].locality"),
    // The endpoint is then behind a gateway to that network.
    unjudged("spec.endpoints[].network"),
    free("spec.endpoints[].ports"),
    // An account of the object's own namespace.
    free("spec.endpoints[].serviceAccount"),
    free("spec.endpoints[].weight"),
    claim("spec.exportTo[]", Export),
    claim("spec.hosts[]", ServedHost),
    // How callers connect to the tenant's own hosts, and whom they expect there.
    free("spec.location"),
    free("spec.ports"),
    judged("spec.resolution", &["BH613"]),
    free("spec.subjectAltNames"),
    // Pods and WorkloadEntries of the object's own namespace.
    free("spec.workloadSelector.labels"),
    free("status"),
];
