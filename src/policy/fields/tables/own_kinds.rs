//! Bulkhead's own kinds: only the platform writes them, but the settings can allow other users to create a Tenant.

use super::{Field, fields, free, judged, metadata, refused};

pub(super) static TENANT: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("metadata.name", &["BH107", "BH108", "BH110", "BH901"]),
    judged("spec.acknowledgedFindings", &["BH109", "BH901"]),
    refused("spec.authorization", &["BH901"]),
    refused("spec.contact", &["BH901"]),
    refused("spec.dataplane", &["BH901"]),
    judged("spec.enforcement", &["BH109", "BH901"]),
    judged("spec.grants", &["BH901"]),
    refused("spec.limits", &["BH901"]),
    refused("spec.namespaceQuota", &["BH901"]),
    refused("spec.namespaces", &["BH901"]),
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
