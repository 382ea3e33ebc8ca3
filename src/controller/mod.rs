//! The controller: applies the baseline to tenant namespaces and repairs drift.
//!
//! It also registers the webhook, issues its certificate, writes the status of Bulkhead's objects, audits observed
//! tenants, writes reports of the audit, learns the mesh's proxy and records reserved names. One replica is the leader,
//! by a Lease. The controller writes only objects that differ from what is wanted. It does not judge requests; the
//! webhook does that, and keeps working while no controller runs.

mod audit_loop;
mod audit_reports;
mod baseline;
mod certificates;
mod config_map;
mod leader_election;
mod proxy_references;
mod registration;
mod reserved_names;
mod status;
mod timeout;
mod timestamp;

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::sources::SnapshotStore;
use crate::telemetry::{CertificateRole, Metrics};
use audit_loop::AuditResults;
use baseline::ReconcileErrors;
use certificates::IssuedBundle;

pub use leader_election::Identity;
pub use registration::{WebhookService, unregister};

/// Runs the controller while this replica holds the lease, and waits for the lease otherwise. Releases the lease when
/// `stop` is cancelled.
pub async fn run(
    client: Client,
    snapshots: Arc<SnapshotStore>,
    identity: Identity,
    webhook_service: WebhookService,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let mut leadership = None;
    let run_while_leader = async {
        loop {
            let leader = leadership.insert(leader_election::acquire(client.clone(), &identity).await);
            metrics.controller.start_leading();
            let client = leader.guard(&client);
            let (audit_results, errors) = (AuditResults::default(), ReconcileErrors::default());
            let issued = webhook_service.issued.map(|lifetimes| (lifetimes, IssuedBundle::default()));
            let issue = async {
                match &issued {
                    Some((lifetimes, bundle)) => {
                        certificates::issue(client.clone(), &webhook_service, *lifetimes, bundle, &metrics)
                            .await;
                    }
                    None => std::future::pending().await,
                }
            };
            let bundle = issued.as_ref().map(|(_, bundle)| bundle);
            let reconcile = async {
                loop {
                    baseline::run(&client, &snapshots, &errors, &metrics).await;
                }
            };
            tokio::select! {
                () = audit_loop::audit_observed_tenants(client.clone(), &snapshots, &audit_results) => {}
                () = audit_reports::write_reports(client.clone(), &snapshots, &metrics) => {}
                () = registration::run(client.clone(), &snapshots, &webhook_service, bundle, &metrics) => {}
                () = issue => {}
                () = proxy_references::publish_proxy_references(client.clone(), &snapshots, &identity.namespace, &metrics) => {}
                () = reserved_names::record_reserved_names(client.clone(), &snapshots, &identity.namespace) => {}
                () = reconcile => {}
                () = status::run(client.clone(), &snapshots, &audit_results, &errors) => {}
                () = leader.lost() => {}
            }
            leadership = None;
            metrics.controller.stop_leading();
            metrics.certificates.set(CertificateRole::Ca, None);
        }
    };
    stop.run_until_cancelled(Box::pin(run_while_leader)).await;
    metrics.controller.stop_leading();
    if let Some(leader) = leadership {
        leader.release().await;
    }
}
