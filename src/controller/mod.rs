//! Puts the baseline into every tenant namespace and keeps it there, and says in each object's status what
//! became of it. One leader, by a Lease; everything it
//! writes is computed by `baseline`, and it writes only what differs.

mod kept;
mod lease;
mod reconcile;
mod status;

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::sources::Worlds;

pub use lease::Identity;

/// Leads whenever the lease can be had, and keeps the baselines while it leads; gives the lease back when it
/// is to stop.
pub async fn run(client: Client, worlds: Arc<Worlds>, identity: Identity, stop: CancellationToken) {
    let mut held = None;
    let lead = async {
        loop {
            let lease = held.insert(lease::acquire(client.clone(), &identity).await);
            tokio::select! {
                () = reconcile::reconcile(client.clone(), &worlds) => {}
                () = status::report(client.clone(), &worlds) => {}
                () = lease.lost() => {}
            }
            held = None;
        }
    };
    stop.run_until_cancelled(lead).await;
    if let Some(lease) = held {
        lease.release().await;
    }
}
