//! Leader election by a Lease.
//!
//! Every write carries the resourceVersion that it was decided on, so that two replicas never both take an expired
//! lease. A lease counts as expired if this replica has *seen* no change of it for long enough. The clock of another
//! machine is never compared with ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::service_fn;
use tracing::{info, warn};

const LEASE_NAME: &str = "bulkhead-controller";
/// Time without a renewal after which another replica may take the lease.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// Time without a successful renewal after which a leader stops, well before another replica may begin. It is also
/// the time limit of an attempt to acquire the lease.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// The name of this replica as a holder, and the namespace of the Lease.
#[derive(Clone, Debug)]
pub struct Identity {
    pub namespace: String,
    pub holder: String,
}

/// A lease that this replica holds. A separate task renews it, so that a long computation of the leader does not lose
/// it.
pub(super) struct Leadership {
    renewal: AbortOnDropHandle<Renewal>,
    renewed: Renewed,
    released: CancellationToken,
}

struct Renewal {
    leases: Api<Lease>,
    lease: Lease,
    holder: String,
    renewed: Renewed,
}

/// The time at which the last successful renewal was sent: it may have been answered much later.
#[derive(Clone, Debug)]
struct Renewed(Arc<Mutex<Instant>>);

impl Renewed {
    fn at(sent: Instant) -> Self {
        Self(Arc::new(Mutex::new(sent)))
    }

    fn set(&self, sent: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sent;
    }

    /// True if no other replica can hold the lease yet.
    fn is_valid(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < RENEW_DEADLINE
    }
}

/// Waits until this replica holds the lease.
pub(super) async fn acquire(client: Client, identity: &Identity) -> Leadership {
    let leases = Api::<Lease>::namespaced(client, &identity.namespace);
    let mut observed: Option<(Lease, Instant)> = None;
    loop {
        let sent = Instant::now();
        match timeout(RENEW_DEADLINE, try_acquire(&leases, &identity.holder, &mut observed)).await {
            Ok(Ok(Some(lease))) => {
                info!(holder = identity.holder, "leading");
                let (holder, renewed) = (identity.holder.clone(), Renewed::at(sent));
                return Leadership::new(Renewal { leases, lease, holder, renewed });
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => warn!(%error, "failed to acquire the lease"),
            Err(_) => warn!("timed out acquiring the lease"),
        }
        sleep(RETRY_PERIOD).await;
    }
}

async fn try_acquire(
    leases: &Api<Lease>,
    holder: &str,
    observed: &mut Option<(Lease, Instant)>,
) -> Result<Option<Lease>, kube::Error> {
    let Some(mut lease) = leases.get_opt(LEASE_NAME).await? else {
        let lease = Lease {
            metadata: ObjectMeta { name: Some(LEASE_NAME.to_owned()), ..ObjectMeta::default() },
            ..Lease::default()
        };
        return ignore_conflict(leases.create(&PostParams::default(), &renewed_lease(lease, holder)).await);
    };
    let since = match observed {
        Some((known, since)) if known.spec == lease.spec => *since,
        _ => {
            let now = Instant::now();
            *observed = Some((lease.clone(), now));
            now
        }
    };
    let holder_now = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    if holder_now.is_empty() || holder_now == holder || since.elapsed() > LEASE_DURATION {
        lease = renewed_lease(lease, holder);
        return ignore_conflict(leases.replace(LEASE_NAME, &PostParams::default(), &lease).await);
    }
    Ok(None)
}

/// Converts a conflict, where another replica was faster, to no lease and no error.
fn ignore_conflict(result: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

fn renewed_lease(mut lease: Lease, holder: &str) -> Lease {
    let now = MicroTime(Timestamp::now());
    let before = lease.spec.take().unwrap_or_default();
    let changed = before.holder_identity.as_deref() != Some(holder);
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
        acquire_time: if changed { Some(now.clone()) } else { before.acquire_time },
        lease_transitions: Some(before.lease_transitions.unwrap_or_default() + i32::from(changed)),
        renew_time: Some(now),
        ..LeaseSpec::default()
    });
    lease
}

impl Leadership {
    fn new(mut renewal: Renewal) -> Self {
        let released = CancellationToken::new();
        let (stop, renewed) = (released.clone(), renewal.renewed.clone());
        let renewal = tokio::spawn(async move {
            renewal.renew(&stop).await;
            renewal
        });
        Self { renewal: AbortOnDropHandle::new(renewal), renewed, released }
    }

    /// Returns a client that sends nothing once the lease may have expired. A process that was suspended wakes up in the
    /// middle of its work, before it knows that another replica leads.
    pub(super) fn guard(&self, client: &Client) -> Client {
        let (namespace, renewed) = (client.default_namespace().to_owned(), self.renewed.clone());
        let client = client.clone();
        let guarded = service_fn(move |request| {
            let client = client.clone();
            let is_valid = renewed.is_valid();
            async move {
                if !is_valid {
                    return Err(kube::Error::Service("the lease may have expired".into()));
                }
                client.send(request).await
            }
        });
        Client::new(guarded, namespace)
    }

    /// Returns when the lease is lost.
    pub(super) async fn lost(&mut self) {
        if let Err(error) = (&mut self.renewal).await {
            warn!(%error, "failed to renew the lease");
        }
    }

    /// Releases the lease, so that the next leader can begin at once.
    pub(super) async fn release(self) {
        self.released.cancel();
        if let Ok(renewal) = self.renewal.await {
            renewal.release().await;
        }
    }
}

impl Renewal {
    /// Renews the lease until it is lost or is to be released.
    async fn renew(&mut self, released: &CancellationToken) {
        while self.renewed.is_valid() {
            if released.run_until_cancelled(sleep(RETRY_PERIOD)).await.is_none() {
                return;
            }
            let lease = renewed_lease(self.lease.clone(), &self.holder);
            let sent = Instant::now();
            match timeout(RETRY_PERIOD, self.leases.replace(LEASE_NAME, &PostParams::default(), &lease)).await
            {
                Ok(Ok(lease)) => {
                    self.lease = lease;
                    self.renewed.set(sent);
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => break,
                Ok(Err(error)) => warn!(%error, "failed to renew the lease"),
                Err(_) => warn!("timed out renewing the lease"),
            }
        }
        warn!(holder = self.holder, "lost the lease");
    }

    async fn release(mut self) {
        if let Some(spec) = &mut self.lease.spec {
            spec.holder_identity = None;
        }
        match timeout(RETRY_PERIOD, self.leases.replace(LEASE_NAME, &PostParams::default(), &self.lease))
            .await
        {
            Ok(Ok(_)) => info!(holder = self.holder, "released the lease"),
            Ok(Err(error)) => warn!(%error, "failed to release the lease"),
            Err(_) => warn!("timed out releasing the lease"),
        }
    }
}
