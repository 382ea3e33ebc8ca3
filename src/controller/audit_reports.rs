//! Writes the findings of the audit into each namespace of a tenant, as a report of the kind in the setting
//! `audit.reports`. Deletes the reports of namespaces without findings, and writes only what differs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use super::baseline::FIELD_MANAGER;
use crate::audit::{Audit, AuditScope, AuditedObject, is_unknown_kind};
use crate::keys::MANAGED_BY_LABEL;
use crate::kinds::Kind;
use crate::report::{Detail, Finding, ReportedObject, is_current, policy_report};
use crate::settings::{REPORT_NAME, ReportKind};
use crate::snapshot::Snapshot;
use crate::sources::SnapshotStore;
use crate::telemetry::{AUDIT_REPORTS, Failure, Metrics};

/// Pauses between two rounds and between two tenants, to limit the load on the API server.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
const TENANT_INTERVAL: Duration = Duration::from_millis(500);

/// Writes the reports of all tenants, round after round. Runs until dropped.
pub(super) async fn write_reports(client: Client, snapshots: &SnapshotStore, metrics: &Metrics) {
    let mut snapshot_changes = snapshots.subscribe();
    let mut failure = None;
    loop {
        let Some(kind) = snapshots.newest().map(|snapshot| snapshot.settings.reports) else {
            let _ = snapshot_changes.changed().await;
            continue;
        };
        let written = match kind {
            Some(kind) => Reports::new(&client, kind).write_all(snapshots).await,
            None => Ok(()),
        };
        failure = written.err().map(|error| {
            warn!(error = format!("{error:#}"), "failed to write the reports of the audit");
            Failure::after(failure)
        });
        metrics.watches.set_failure(AUDIT_REPORTS, failure);
        sleep(ROUND_INTERVAL).await;
    }
}

/// The reports of one kind.
struct Reports<'a> {
    client: &'a Client,
    kind: ReportKind,
    resource: ApiResource,
}

impl<'a> Reports<'a> {
    fn new(client: &'a Client, kind: ReportKind) -> Self {
        let [group, name, plural] = kind.names();
        let names = GroupVersionKind::gvk(group, kind.version(), name);
        Self { client, kind, resource: ApiResource::from_gvk_with_plural(&names, plural) }
    }

    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &self.resource)
    }

    /// Writes the reports of each tenant, and returns the first error.
    async fn write_all(&self, snapshots: &SnapshotStore) -> Result<()> {
        let Some(snapshot) = snapshots.newest() else { return Ok(()) };
        self.delete_abandoned(&snapshot).await?;
        let tenants: Vec<String> = snapshot.tenants().map(|tenant| tenant.name.clone()).collect();
        drop(snapshot);
        let mut result = Ok(());
        for tenant in tenants {
            let newest = snapshots.newest();
            let Some(snapshot) = newest.filter(|newest| newest.settings.reports == Some(self.kind)) else {
                break;
            };
            let written = self.write_for_tenant(&snapshot, &tenant).await;
            result = result.and(written.with_context(|| format!("tenant {tenant}")));
            sleep(TENANT_INTERVAL).await;
        }
        result
    }

    /// Deletes the reports in namespaces that no tenant has any more.
    async fn delete_abandoned(&self, snapshot: &Snapshot) -> Result<()> {
        let all = Api::<DynamicObject>::all_with(self.client.clone(), &self.resource);
        let (label, value) = MANAGED_BY_LABEL;
        let listed = match all.list_metadata(&ListParams::default().labels(&format!("{label}={value}"))).await
        {
            Err(error) if is_unknown_kind(&error) => {
                let ApiResource { kind, api_version, .. } = &self.resource;
                bail!(
                    "the API server does not serve {kind} of {api_version}: install it, or change `audit.reports` in the settings"
                );
            }
            listed => listed.context("failed to list the reports")?,
        };
        for report in listed.items.iter().filter(|report| report.name_any() == REPORT_NAME) {
            let namespace = report.namespace().unwrap_or_default();
            let is_tenants = snapshot
                .namespace(&namespace)
                .and_then(|known| snapshot.tenant(known.tenant.as_deref()?))
                .is_some();
            if !is_tenants {
                self.delete(&namespace).await?;
            }
        }
        Ok(())
    }

    async fn write_for_tenant(&self, snapshot: &Snapshot, tenant: &str) -> Result<()> {
        let mut objects: BTreeMap<String, Vec<ReportedObject>> = BTreeMap::new();
        let scope = AuditScope::of_tenant(snapshot, tenant);
        let time = Timestamp::now().as_second();
        let audit = Audit { client: self.client, snapshot, time, identities: false };
        let collect = |AuditedObject { object, .. }| {
            if !object.findings.is_empty() {
                objects.entry(namespace_of(&object).to_owned()).or_default().push(object);
            }
        };
        audit.run(&scope, collect, |_| {}).await;
        // Without a kind of which no object could be listed, the other findings would look complete.
        if let Some(unread) = objects.get("").and_then(|unread| unread.first())
            && let Some(Finding { detail: Detail::Unjudged(reason), .. }) = unread.findings.first()
        {
            bail!("{unread} could not be read: {reason}");
        }
        let mut result = Ok(());
        let is_terminating =
            |name: &&str| snapshot.namespace(name).is_some_and(|namespace| namespace.terminating);
        for namespace in snapshot.namespaces_of(tenant).filter(|name| !is_terminating(name)) {
            let found = objects.get(namespace).map_or(&[][..], Vec::as_slice);
            let report = policy_report(self.kind, namespace, found);
            let written = self.write(namespace, report).await;
            result = result.and(written.with_context(|| format!("namespace {namespace}")));
        }
        result
    }

    /// Writes the report of a namespace if another one is stored, and deletes it if there is none.
    async fn write(&self, namespace: &str, report: Option<Value>) -> Result<()> {
        let reports = self.api(namespace);
        let stored = reports.get_opt(REPORT_NAME).await?;
        match (report, stored) {
            (None, None) => {}
            (None, Some(_)) => self.delete(namespace).await?,
            (Some(report), stored) => {
                let stored = serde_json::to_value(stored)?;
                if !is_current(&stored, &report) {
                    let params = PatchParams::apply(FIELD_MANAGER).force();
                    reports.patch(REPORT_NAME, &params, &Patch::Apply(&report)).await?;
                    info!(namespace, "wrote the report of the audit");
                }
            }
        }
        Ok(())
    }

    async fn delete(&self, namespace: &str) -> Result<()> {
        match self.api(namespace).delete(REPORT_NAME, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => drop(result?),
        }
        info!(namespace, "deleted the report of the audit, which has no findings");
        Ok(())
    }
}

/// Returns the namespace whose report has the findings in the object; empty if they are not about one.
fn namespace_of(object: &ReportedObject) -> &str {
    let is_namespace = object.namespace.is_empty() && object.kind == Kind::Namespace.name();
    if is_namespace { &object.name } else { &object.namespace }
}
