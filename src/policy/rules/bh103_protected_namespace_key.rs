//! # BH103 `protected-namespace-key`
//!
//! ## What it refuses
//! Refuses changes to namespace keys that other controllers act on.
//!
//! These are labels and annotations of the namespaces of tenants. The mesh, the network, the scheduler, pod security
//! and other admission webhooks act on them: `istio-injection`, `control-plane`, and all keys under `istio.io/`,
//! `pod-security.kubernetes.io/`, `projectcalico.org/` and similar domains and their subdomains. The setting
//! `labels.protected` adds keys. Only the platform may change them. Other users may write the values that Bulkhead
//! itself would set, except over mesh labels that are already there, because the platform may have chosen another
//! revision. They may also set `pod-security.kubernetes.io/warn` and `audit` to `restricted`, which only tightens. The
//! label `name` must be the namespace's name. Only Bulkhead's controller, and not even the platform, may change the
//! condition `bulkhead.dev/BaselineReady`.
//!
//! The label `bulkhead.dev/probe` is refused on every namespace and to every user, Bulkhead's controller included. The
//! controller tries to set it in a dry run, and learns from the refusal that the API server reaches the webhook
//! (docs/availability.md). Every user may remove this label.
//!
//! ## Why
//! `istio-injection: disabled` is a namespace without proxies, and a foreign `istio.io/rev` is one that no injector
//! serves. Some clouds call no webhook at all for a namespace labelled `control-plane`. A forged `BaselineReady` would
//! admit pods before the baseline is applied.
//!
//! ## What to write instead
//! Keep the value that the refusal names, or remove the key. Keys under your own domain are free.
//!
//! ## How to get it allowed
//! Ask the platform to set the key, or to list the controller that sets it (OpenShift's, Rancher's) in
//! `platform.users`. Never for the condition and the probe label. The rule only warns for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels:
//!     bulkhead.dev/tenant: acme
//!     tenant: acme
//!     istio-injection: disabled # BH103
//!     name: tenant-beta # BH103
//!     pod-security.kubernetes.io/enforce: privileged # BH103
//!     pod-security.kubernetes.io/warn: baseline # BH103
//!   annotations:
//!     scheduler.alpha.kubernetes.io/node-selector: disk=fast # BH103
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, topology.istio.io/network: one }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: # BH103
//!     bulkhead.dev/tenant: acme
//!     tenant: acme
//! status:
//!   conditions:
//!     - type: bulkhead.dev/BaselineReady # BH103
//!       status: "True"
//! ```
//! ```yaml as system:serviceaccount:cattle-system:rancher, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: tenant-acme, labels: { bulkhead.dev/tenant: acme, tenant: acme } }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//!   annotations:
//!     field.cattle.io/projectId: c-1:p-1 # BH103
//! ```
//! ```yaml as root in system:masters, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! status:
//!   conditions:
//!     - { type: bulkhead.dev/BaselineReady, status: "False" }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! status:
//!   conditions:
//!     - type: bulkhead.dev/BaselineReady # BH103
//!       status: "True"
//!     - { type: bulkhead.dev/BaselineReady, status: "False" }
//! ```
//!
//! ```yaml as system:serviceaccount:bulkhead-system:bulkhead-controller, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: bulkhead-system
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: bulkhead-system
//!   labels:
//!     bulkhead.dev/probe: "1780272000" # BH103
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels:
//!     bulkhead.dev/tenant: acme
//!     tenant: acme
//!     istio-injection: enabled
//!     pod-security.kubernetes.io/audit: restricted
//!     pod-security.kubernetes.io/warn: restricted
//!     team: payments
//!   annotations: { team.example.com/pager: "on" }
//! ```
//! ```yaml as root in system:masters, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio-injection: enabled }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio.io/rev: canary }
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: elsewhere
//!   labels: { bulkhead.dev/probe: "1780272000" }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: elsewhere
//! ```

use std::collections::BTreeSet;

use super::{Check, Kind, NamespaceView, Request, Retry, Rule, RuleReport, Trust, quote, quote_all};
use crate::baseline;
use crate::keys::{self, MESH_LABELS, Map, NAME_LABEL, PROBE, TENANT_LABEL, Values, Writer};
use crate::policy::object::Metadata;
use crate::snapshot::BASELINE_READY;

pub(super) const RULE: Rule = Rule::new(Check::Namespace(check))
    .watches(&[PROBE])
    // The labels that Bulkhead would set depend on the tenant, which the snapshot may not know yet.
    .retries(Retry::Refresh);

/// The refusal of a probe, with the version of the replica that answered.
pub const PROBE_REFUSED: &str = concat!(
    "nobody can set it: Bulkhead ",
    env!("CARGO_PKG_VERSION"),
    " refuses this label to prove that its webhook is called"
);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    check_ready_condition(request, new, old, report);
    check_probe(new, old, report);
    if request.is_by(&[Trust::Platform, Trust::Bulkhead]) || !request.has_tenant(new, old) {
        return;
    }
    let empty = Metadata::default();
    let old = old.map_or(&empty, |old| &old.metadata);
    for map in Map::ALL {
        let (entries, old) = (new.metadata.entries(map), old.entries(map));
        let keys: BTreeSet<&str> = entries.iter().chain(old.iter()).map(|(key, _)| &**key).collect();
        for key in keys.into_iter().filter(|key| is_protected(request, map, key)) {
            let new_value = entries.get(key).map(|(_, value)| &**value);
            let old_value = old.get(key).map(|(_, value)| &**value);
            let has_mesh_label =
                MESH_LABELS.contains(&key) && MESH_LABELS.iter().any(|key| old.get(key).is_some());
            let managed_value =
                if map == Map::Labels && !has_mesh_label { managed_value(request, new, key) } else { None };
            let free_values = free_values(map, key);
            let is_allowed = |value| managed_value == Some(value) || free_values.contains(&value);
            if new_value == old_value || new_value.is_some_and(is_allowed) {
                continue;
            }
            let message = match new_value {
                _ if key == NAME_LABEL => {
                    "the label `name` must be the namespace's name, because older policies select by it"
                        .to_owned()
                }
                Some(value) => {
                    format!(
                        "only the platform may set {} here: other controllers act on this key",
                        quote(value)
                    )
                }
                None => "only the platform may remove this key: other controllers act on it".to_owned(),
            };
            let kept = old_value.or(managed_value);
            let keep =
                kept.map_or_else(|| "remove the key".to_owned(), |value| format!("keep {}", quote(value)));
            let fix = match kept {
                Some(name) if key == NAME_LABEL => format!("write {}.", quote(name)),
                _ if request.is_by_unlisted_account() => format!(
                    "{keep}, or ask the platform to list this account in `platform.users` of the settings."
                ),
                Some(_) => format!("{keep}, or ask the platform to change the key."),
                None if !free_values.is_empty() => {
                    format!("{keep}, write {}, or ask the platform to set it.", quote_all(free_values))
                }
                None => format!("{keep}, or ask the platform to set it."),
            };
            report.add(&new.metadata.at_root().path(map, key), message, fix);
        }
    }
}

fn is_protected(request: &Request<'_>, map: Map, key: &str) -> bool {
    let is_judged_elsewhere = match map {
        Map::Labels => [PROBE, TENANT_LABEL].contains(&key),
        Map::Annotations => [NAME_LABEL, TENANT_LABEL].contains(&key),
    };
    let is_platform_key = || {
        keys::find(Kind::Namespace, map, key).is_some_and(|row| row.writer == Writer::Platform)
            || request.snapshot.settings.protected_keys.contains(key)
    };
    !is_judged_elsewhere && is_platform_key()
}

/// The values of `key` that the table lists, which any user may write.
fn free_values(map: Map, key: &str) -> &'static [&'static str] {
    match keys::find(Kind::Namespace, map, key).map(|row| row.values) {
        Some(Values::Only(allowed)) => allowed,
        _ => &[],
    }
}

/// The value of `key` that Bulkhead itself would set, which any user may write.
fn managed_value<'o>(
    request: &'o Request<'_>,
    namespace: &'o NamespaceView<'_>,
    key: &str,
) -> Option<&'o str> {
    if key == NAME_LABEL {
        return namespace.metadata.name.as_deref();
    }
    let tenant = request.snapshot.tenant(namespace.tenant()?)?;
    let mut labels = baseline::enforced_labels(&request.snapshot.settings, tenant);
    labels.find(|label| label.key == key).map(|label| label.value)
}

/// Only Bulkhead's controller may change the condition. Compares every condition of this type: readers differ in which
/// of several they take.
fn check_ready_condition(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    let Some(old) = old.filter(|_| !request.is_by(&[Trust::Bulkhead])) else { return };
    let old: Vec<&str> = old.baseline_ready().map(|condition| condition.value.get()).collect();
    if new.baseline_ready().map(|condition| condition.value.get()).eq(old.iter().copied()) {
        return;
    }
    let changed = new.baseline_ready().find(|condition| !old.contains(&condition.value.get()));
    let path = changed
        .or_else(|| new.baseline_ready().last())
        .map_or_else(NamespaceView::conditions_path, |found| found.path);
    let message =
        format!("only Bulkhead's controller may change the condition `{BASELINE_READY}`, which admits pods");
    report.add(&path, message, "leave the condition as it is.");
}

/// Ignores the user: an answer that depends on the user would prove less.
fn check_probe(new: &NamespaceView<'_>, old: Option<&NamespaceView<'_>>, report: &mut RuleReport) {
    let probe_of = |namespace: &NamespaceView<'_>| namespace.metadata.label_value(PROBE).map(str::to_owned);
    if probe_of(new).is_some_and(|new_value| old.and_then(probe_of) != Some(new_value)) {
        report.add(&new.metadata.at_root().label_path(PROBE), PROBE_REFUSED, "remove the label.");
    }
}
