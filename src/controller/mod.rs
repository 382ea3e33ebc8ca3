//! Puts the baseline into every tenant namespace and keeps it there. One leader, by a Lease; everything it
//! writes is computed by `baseline`, and it writes only what differs.

mod kept;
mod lease;
mod reconcile;

use std::sync::Arc;

use kube::Client;

use crate::sources::Worlds;

pub use lease::Identity;

/// Leads whenever the lease can be had, and keeps the baselines while it leads. Never ends.
pub async fn run(client: Client, worlds: Arc<Worlds>, identity: Identity) {
    loop {
        let mut lease = lease::acquire(client.clone(), &identity).await;
        tokio::select! {
            () = reconcile::reconcile(client.clone(), &worlds) => {}
            () = lease.lost() => {}
        }
    }
}
