use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::definition::{Catalogue, Float};

/// The metrics of the settings.
#[derive(Debug)]
pub struct SettingsMetrics {
    is_valid: Gauge,
    loaded: Float,
    hash: Gauge,
}

impl SettingsMetrics {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        Self {
            is_valid: catalogue.plain_gauge(
                "settings_valid",
                None,
                "1 if the newest settings are in use, 0 if they have an error or were deleted, so that the last valid ones are in use",
            ),
            loaded: catalogue.plain_gauge(
                "settings_loaded_timestamp",
                Some(Unit::Seconds),
                "Time since 1970 at which the settings in use were loaded",
            ),
            hash: catalogue.plain_gauge(
                "settings_hash",
                None,
                "Hash of the settings in use: replicas with the same settings have the same hash",
            ),
        }
    }

    /// Records that settings were loaded, with their text; an empty one for built-in settings.
    pub fn record_loaded(&self, text: &[u8]) {
        self.is_valid.set(1);
        self.hash.set(hash(text));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.loaded.set(now.as_secs_f64());
    }

    /// Records that the settings in use are the newest ones again.
    pub fn record_valid(&self) {
        self.is_valid.set(1);
    }

    /// Records that the newest settings cannot be used.
    pub fn record_invalid(&self) {
        self.is_valid.set(0);
    }
}

/// Returns the first 48 bits of a SHA-256 hash, which Prometheus' numbers hold exactly.
fn hash(text: &[u8]) -> i64 {
    let digest = digest(&SHA256, text);
    digest.as_ref().iter().take(6).fold(0, |hash, byte| (hash << 8) | i64::from(*byte))
}
