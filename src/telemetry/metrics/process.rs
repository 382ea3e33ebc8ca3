use prometheus_client::metrics::gauge::Gauge;

use super::definition::{Catalogue, Labelled};
use super::label;

/// A part of Bulkhead that a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Webhook,
    Controller,
}

impl Part {
    const ALL: [Self; 2] = [Self::Webhook, Self::Controller];

    const fn as_label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Controller => "controller",
        }
    }
}

/// The metrics of the process itself.
#[derive(Debug)]
pub struct ProcessMetrics {
    ready: Labelled<Gauge, 1>,
    tasks: Gauge,
}

impl ProcessMetrics {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        let version: Labelled<Gauge, 1> =
            catalogue.gauge("build_info", None, [label::VERSION], "1, with the version of Bulkhead");
        version.with([label::BUILD_VERSION]).set(1);
        Self {
            ready: catalogue.gauge(
                "ready",
                None,
                [label::PART],
                "1 if the process is ready, 0 while it starts or stops, for each part that it runs",
            ),
            tasks: catalogue.plain_gauge(
                "tasks",
                None,
                "Concurrent tasks of the process: one or more for each connection",
            ),
        }
    }

    pub(super) fn start(&self, part: Part) {
        self.ready.with([part.as_label()]);
    }

    /// Sets the readiness of the parts that the process runs.
    pub fn set_ready(&self, is_ready: bool) {
        for part in Part::ALL.map(Part::as_label) {
            if let Some(gauge) = self.ready.get([part]) {
                gauge.set(is_ready.into());
            }
        }
    }

    /// Sets the number of tasks that have not ended.
    pub fn set_tasks(&self, tasks: usize) {
        self.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
    }
}
