//! Reports repaired drift: in the log, in a metric by kind, and in an Event on the namespace.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tracing::{info, warn};

use super::target::Target;
use crate::baseline::Manifest;
use crate::snapshot::Snapshot;
use crate::telemetry::Metrics;

pub(super) struct DriftRecorder<'m> {
    recorder: Recorder,
    metrics: &'m Metrics,
}

impl<'m> DriftRecorder<'m> {
    pub(super) fn new(client: &Client, metrics: &'m Metrics) -> Self {
        let reporter = Reporter { controller: "bulkhead-controller".to_owned(), instance: None };
        Self { recorder: Recorder::new(client.clone(), reporter), metrics }
    }

    /// Reports that an object of the target was restored.
    pub(super) async fn record_repair(
        &self,
        snapshot: Option<&Snapshot>,
        target: &Target,
        manifest: &Manifest,
    ) {
        let (kind, name) = (manifest.kind.name(), &manifest.name);
        self.metrics.controller.record_repair(kind);
        info!(kind, namespace = manifest.namespace, name, "restored a baseline object");
        let (Some(namespace), Target::Namespace { namespace: namespace_name, .. }) =
            (snapshot.and_then(|snapshot| target.namespace(snapshot)), target)
        else {
            return;
        };
        let event = Event {
            type_: EventType::Warning,
            reason: "BaselineRepaired".to_owned(),
            note: Some(format!("{kind} {name} differed from the baseline and was restored")),
            action: "Repair".to_owned(),
            secondary: None,
        };
        let regarding = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Namespace".to_owned()),
            name: Some(namespace_name.clone()),
            uid: Some(namespace.uid.clone()),
            ..ObjectReference::default()
        };
        if let Err(error) = self.recorder.publish(&event, &regarding).await {
            warn!(%error, namespace = namespace_name, "failed to publish an Event about a repair");
        }
    }
}
