//! The controller: applies the baseline to tenant namespaces and repairs drift.
//!
//! It also registers the webhook, writes the status of Bulkhead's objects, audits observed tenants and records
//! reserved names. One replica is the leader, by a Lease. It writes only objects that differ from what is wanted. It
//! does not judge requests; the webhook does that, and keeps working while no controller runs.

mod address;
mod denial;
mod drift;
mod kept;
mod lease;
mod observe;
mod places;
mod reconcile;
mod register;
mod retired;
mod standing;
mod status;
mod troubles;
mod turns;
mod watched;
mod write;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;
use observe::Audits;
use troubles::Troubles;

pub use address::Address;
pub use lease::Identity;

/// Runs the controller while this replica holds the lease, and waits for the lease otherwise. Releases the lease when
/// `stop` is cancelled.
pub async fn run(
    client: Client,
    snapshots: Arc<SnapshotStore>,
    identity: Identity,
    address: Address,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let mut held = None;
    let lead = async {
        loop {
            let lease = held.insert(lease::acquire(client.clone(), &identity).await);
            let (audits, troubles) = (Audits::default(), Troubles::default());
            let reconcile = async {
                loop {
                    reconcile::reconcile(client.clone(), &snapshots, &troubles, &metrics).await;
                }
            };
            tokio::select! {
                () = observe::observe(client.clone(), &snapshots, &audits) => {}
                () = register::register(client.clone(), &snapshots, &address, &metrics) => {}
                () = retired::retire(client.clone(), &snapshots, &identity.namespace) => {}
                () = reconcile => {}
                () = status::report(client.clone(), &snapshots, &audits, &troubles) => {}
                () = lease.lost() => {}
            }
            held = None;
            metrics.set_registration(None);
        }
    };
    stop.run_until_cancelled(Box::pin(lead)).await;
    if let Some(lease) = held {
        lease.release().await;
    }
}

/// Runs `work`. Returns an error if that takes longer than `limit`.
async fn within<T>(limit: Duration, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(anyhow::anyhow!("timed out")))
}

/// Returns the current time in the format of a condition.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
