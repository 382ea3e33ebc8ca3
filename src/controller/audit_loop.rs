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
use crate::audit::{Audit, AuditScope, Digest};
use crate::sources::SnapshotStore;

/// Pauses between two rounds and between two tenants, to limit the load on the API server.
const ROUND_INTERVAL: Duration = Duration::from_secs(10);
const TENANT_INTERVAL: Duration = Duration::from_millis(500);

/// Results of the last audit of each observed tenant.
#[derive(Debug, Default)]
pub(super) struct AuditResults {
    results: Mutex<BTreeMap<String, api::Audit>>,
    pub(super) changed: Notify,
}

impl AuditResults {
    /// Returns the result of each tenant.
    pub(super) fn current(&self) -> BTreeMap<String, api::Audit> {
        self.results().clone()
    }

    fn results(&self) -> MutexGuard<'_, BTreeMap<String, api::Audit>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Audits observed tenants, round after round. Runs until dropped.
pub(super) async fn audit_observed_tenants(
    client: Client,
    snapshots: &SnapshotStore,
    results: &AuditResults,
) {
    loop {
        let snapshot = snapshots.newest();
        let observed =
            snapshot.iter().flat_map(|snapshot| snapshot.tenants()).filter(|tenant| tenant.is_observed());
        let observed: BTreeSet<String> = observed.map(|tenant| tenant.name.clone()).collect();
        results.results().retain(|tenant, _| observed.contains(tenant));
        for tenant in observed {
            let Some(snapshot) = snapshots.newest() else { break };
            let time = Timestamp::now().as_second();
            let scope = AuditScope::of_tenant(&snapshot, &tenant);
            let audit = Audit { client: &client, snapshot: &snapshot, time, identities: false };
            let mut digest = Digest::default();
            let progress = audit.run(&scope, |object| digest.add(&object), |_| {}).await;
            debug!(tenant, objects = progress.objects, findings = digest.findings(), "audited");
            let result = api::Audit {
                namespaces: u32::try_from(progress.namespaces).unwrap_or(u32::MAX),
                findings: u32::try_from(digest.findings()).unwrap_or(u32::MAX),
                digest: digest.text(),
            };
            results.results().insert(tenant, result);
            results.changed.notify_one();
            sleep(TENANT_INTERVAL).await;
        }
        sleep(ROUND_INTERVAL).await;
    }
}
