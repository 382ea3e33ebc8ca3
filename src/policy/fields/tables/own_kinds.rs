//! Bulkhead's own kinds: only the platform writes them, but RBAC can allow other users to create Tenants.

use super::{Field, fields, free, judged, metadata, refused, unjudged};

pub(super) static TENANT: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("metadata.name", &["BH107", "BH108", "BH110", "BH901"]),
    judged("spec.acknowledgedFindings", &["BH109", "BH901"]),
    refused("spec.authorization", &["BH901"]),
    refused("spec.contact", &["BH901"]),
    judged("spec.enforcement", &["BH109", "BH901"]),
    judged("spec.grants", &["BH901"]),
    // A user whom RBAC allows to create a Tenant chooses its limits. Only the platform changes them afterwards.
    unjudged("spec.limits"),
    unjudged("spec.namespaceQuota"),
    unjudged("spec.namespaces"),
    judged("spec.owners", &["BH901"]),
    judged("status", &["BH109", "BH901"]),
];

/// A SharedService or an Exemption.
pub(super) static PLATFORM_ONLY: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    refused("spec", &["BH901"]),
    refused("status", &["BH901"]),
];
