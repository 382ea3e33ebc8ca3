//! Service accounts, their tokens, the Secrets that can hold one, requests for certificates, and the ConfigMaps with the
//! mesh's root certificate.

use super::{Field, fields, free, judged, metadata};

pub(super) static CONFIG_MAP: &[Field] = &[
    free("apiVersion"),
    free("binaryData"),
    free("data"),
    free("immutable"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("metadata.name", &["BH406"]),
];

pub(super) static CERTIFICATE_SIGNING_REQUEST: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.expirationSeconds"),
    free("spec.extra"),
    free("spec.groups"),
    judged("spec.request", &["BH408"]),
    judged("spec.signerName", &["BH408"]),
    free("spec.uid"),
    free("spec.usages"),
    free("spec.username"),
    free("status"),
];

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
