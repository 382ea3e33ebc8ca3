//! The kinds that change the proxies: only the platform writes them.

use super::{Field, fields, free, metadata, refused};

/// The same table for EnvoyFilter, WasmPlugin, TrafficExtension and ProxyConfig.
pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    refused("spec", &["BH907"]),
    free("status"),
];
