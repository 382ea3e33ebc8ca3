use super::{Field, claim, fields, free, limited, metadata};
use crate::policy::fields::ClaimKind::ServedHost;
use crate::policy::fields::Values;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    limited(
        "spec.defaultBackend",
        "BH807",
        Values::None,
        "takes the calls for every host that no other Ingress names",
    ),
    // The hosts are judged for every class.
    free("spec.ingressClassName"),
    claim("spec.rules[].host", ServedHost),
    limited(
        "spec.rules[].http.paths[].backend.resource",
        "BH807",
        Values::None,
        "leads calls to an object that Bulkhead does not judge",
    ),
    free("spec.rules[].http.paths[].backend.service"),
    free("spec.rules[].http.paths[].path"),
    free("spec.rules[].http.paths[].pathType"),
    claim("spec.tls[].hosts[]", ServedHost),
    // A Secret of the Ingress's own namespace: the API server refuses a slash.
    free("spec.tls[].secretName"),
    free("status"),
];
