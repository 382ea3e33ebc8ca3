//! Service accounts, their tokens, and the Secrets that can hold one.

use super::{Field, fields, free, judged, metadata};

pub(super) static SECRET: &[Field] = &[
    free("apiVersion"),
    free("data"),
    free("immutable"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("stringData"),
    judged("type", &["BH404"]),
];

pub(super) static SERVICE_ACCOUNT: &[Field] = &[
    free("apiVersion"),
    free("automountServiceAccountToken"),
    free("imagePullSecrets"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("metadata.name", &["BH402"]),
    free("secrets"),
];

pub(super) static TOKEN_REQUEST: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.audiences", &["BH403"]),
    free("spec.boundObjectRef"),
    free("spec.expirationSeconds"),
    free("status"),
];
