//! Audits observed tenants, one after another. The result shows the platform what `enforcement: Enforce` would
//! refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::debug;

use crate::api;
use crate::audit::{Audit, Digest, AuditScope};
use crate::sources::SnapshotStore;

/// Pauses between two rounds and between two tenants, to limit the load on the API server.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(10);
const BETWEEN_TENANTS: Duration = Duration::from_millis(500);

/// Results of the last audit of each observed tenant.
#[derive(Debug, Default)]
pub(super) struct Audits {
    found: Mutex<BTreeMap<String, api::Audit>>,
    pub(super) changed: Notify,
}

impl Audits {
    pub(super) fn of(&self, tenant: &str) -> Option<api::Audit> {
        self.found().get(tenant).cloned()
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<String, api::Audit>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Audits observed tenants, round after round. Runs until dropped.
pub(super) async fn observe(client: Client, snapshots: &SnapshotStore, audits: &Audits) {
    loop {
        let snapshot = snapshots.newest();
        let observed = snapshot.iter().flat_map(|snapshot| snapshot.tenants()).filter(|tenant| tenant.is_observed());
        let observed: BTreeSet<String> = observed.map(|tenant| tenant.name.clone()).collect();
        audits.found().retain(|tenant, _| observed.contains(tenant));
        for tenant in observed {
            let Some(snapshot) = snapshots.newest() else { break };
            let time = Timestamp::now().as_second();
            let scope = AuditScope::of_tenant(&snapshot, &tenant);
            let audit = Audit { client: &client, snapshot: &snapshot, time, identities: false };
            let mut digest = Digest::default();
            let audited = audit.run(&scope, |finding| digest.add(&finding), |_| {}).await;
            debug!(tenant, objects = audited.objects, findings = digest.findings(), "audited");
            let found = api::Audit {
                namespaces: u32::try_from(audited.namespaces).unwrap_or(u32::MAX),
                findings: u32::try_from(digest.findings()).unwrap_or(u32::MAX),
                digest: digest.text(),
            };
            audits.found().insert(tenant, found);
            audits.changed.notify_one();
            sleep(BETWEEN_TENANTS).await;
        }
        sleep(BETWEEN_ROUNDS).await;
    }
}
