//! The metrics of the process, in the text format of Prometheus, one file for each subject.
//!
//! [`label`] has the values of each label, [`definition`] the description of each metric, and [`mod@reference`] prints both
//! for the documentation. No value of a label comes from a request.

mod admission;
mod certificate;
mod controller;
mod definition;
mod failure;
mod label;
mod process;
mod reference;
mod settings;
mod watches;

use std::time::Instant;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use certificate::CertificateMetrics;
use controller::ControllerMetrics;
use definition::Catalogue;
use process::ProcessMetrics;
use settings::SettingsMetrics;
use watches::WatchMetrics;

pub use admission::AdmissionMetrics;
pub use certificate::CertificateRole;
pub use definition::{Definition, Type};
pub use failure::Failure;
pub use label::{
    AUDIT_REPORTS, Label, MUTATING_ENTRY, PROXY_REFERENCES, RECONCILE_REASONS, RECONCILE_TARGETS,
    REGISTRATION_STATES, SETTINGS, WATCHED,
};
pub use process::Part;
pub use reference::metrics_markdown;
pub use watches::WatchState;

/// The metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    pub process: ProcessMetrics,
    pub admission: AdmissionMetrics,
    pub certificates: CertificateMetrics,
    pub controller: ControllerMetrics,
    pub watches: WatchMetrics,
    pub settings: SettingsMetrics,
    registry: Registry,
    definitions: Vec<Definition>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut catalogue = Catalogue::default();
        Self {
            process: ProcessMetrics::new(&mut catalogue),
            admission: AdmissionMetrics::new(&mut catalogue),
            certificates: CertificateMetrics::new(&mut catalogue),
            controller: ControllerMetrics::new(&mut catalogue),
            watches: WatchMetrics::new(&mut catalogue),
            settings: SettingsMetrics::new(&mut catalogue),
            registry: catalogue.registry,
            definitions: catalogue.definitions,
        }
    }
}

impl Metrics {
    /// Returns the description of every metric.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Begins to report a part of Bulkhead that the process runs.
    pub fn start(&self, part: Part) {
        self.process.start(part);
        if part == Part::Webhook {
            self.admission.start();
        }
    }

    /// Returns all metrics at `now`, in the text format of Prometheus.
    pub fn encode(&self, now: Instant) -> Result<String, std::fmt::Error> {
        self.watches.update_ages(now);
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.registry)?;
        Ok(buffer)
    }
}
