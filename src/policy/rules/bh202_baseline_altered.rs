//! # BH202 `baseline-altered`
//!
//! ## What it refuses
//! Refuses changes to baseline objects.
//!
//! After every write the object must equal what Bulkhead wants: its spec, its labels and annotations (istiod acts on
//! `istio.io/rev` and `istio.io/dry-run`), no owner references and no finalizers. Writes that leave the object equal
//! are admitted, with any verb. The same holds for an object that is created under a baseline name before the baseline
//! is applied. Names that are reserved for the baseline, but not used in this namespace, may not be taken. Only
//! Bulkhead's controller is exempt, and Kubernetes' controllers for the counts in a ResourceQuota's status.
//!
//! The service account `default` is Kubernetes' own, so only the fields that Bulkhead sets are compared. New owner
//! references and finalizers are refused.
//!
//! Labels and annotations that another webhook added while Bulkhead wrote the object may stay, unless Istio or a
//! deployment tool acts on them. No other user may add them later.
//!
//! ## Why
//! One peer too many in a default deny, an owner that the garbage collector follows, or a label that makes istiod
//! ignore the object: no list of bad edits would be long enough.
//!
//! ## What to write instead
//! Leave the object as it is, and write an object of your own under another name. If a chart ships an object under a
//! baseline name, rename it in the chart.
//!
//! ## How to get it allowed
//! Never. Ask the platform to change what the object enforces: `Tenant.spec.grants` for traffic,
//! `Tenant.spec.namespaceQuota` and `Tenant.spec.limits` for resources, the SharedService or the settings elsewhere.
//! The rule only warns for tenants with `enforcement: Observe` and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers, on update
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata:
//!   name: default-deny-all
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/managed-by: bulkhead }
//! spec: { podSelector: {}, policyTypes: [Ingress, Egress] }
//! ---
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata:
//!   name: default-deny-all
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/managed-by: bulkhead }
//!   ownerReferences: # BH202
//!     - { apiVersion: v1, kind: ConfigMap, name: mine, uid: 5f0c7f3e }
//! spec:
//!   podSelector: {}
//!   ingress: # BH202
//!     - {}
//!   policyTypes: [Ingress, Egress]
//! ```
//! ```yaml as root in system:masters
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata:
//!   name: default
//!   namespace: tenant-acme
//!   labels:
//!     app.kubernetes.io/managed-by: bulkhead
//!     istio.io/rev: nobody # BH202
//! spec:
//!   mtls:
//!     mode: PERMISSIVE # BH202
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata:
//!   name: default
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/managed-by: bulkhead }
//!   annotations:
//!     kubectl.kubernetes.io/last-applied-configuration: "{}"
//! spec: { mtls: { mode: STRICT } }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: host, namespace: tenant-acme }
//! spec: { hosts: [other.tenant-acme.svc.cluster.local], exportTo: ["."], resolution: DNS }
//! ```

use serde_json::Value;

use super::{Check, Kind, NamespaceClass, Request, Rule, RuleReport, Trust, quote};
use crate::baseline::{Difference, differences};
use crate::policy::baseline_names::NameStatus;
use crate::policy::object::{Object, Path, Stage};

pub(super) const RULE: Rule =
    Rule::new(Check::Baseline(check)).in_scopes(NamespaceClass::WITH_BASELINE).trusts(&[Trust::Bulkhead]);

fn check(request: &Request<'_>, object: &Value, report: &mut RuleReport) {
    let kind = request.kind;
    let old = request.old.and_then(|old| old.baseline());
    let is_tenant_deleted = request.tenant.is_some_and(|(_, tenant)| tenant.is_none());
    let desired = match (request.classify_name(object), old) {
        (NameStatus::Baseline(desired), _) => desired,
        (NameStatus::Free, _) => return,
        // Without the tenant the wanted object is unknown: the stored one must not change.
        (NameStatus::Reserved, Some(old)) if is_tenant_deleted => old.clone(),
        (NameStatus::Reserved, _) => {
            let path = Object::name_path();
            let message =
                format!("{} is a name that is reserved for baseline objects", quote(classify_name(object)));
            return report.add(&path, message, "choose another name.");
        }
    };
    let status_changed =
        kind == Kind::ResourceQuota && old.is_some_and(|old| old.get("status") != object.get("status"));
    if status_changed && !request.is_by(&[Trust::KubeControllers]) {
        let message = "only Kubernetes' quota controller may change the counted usage and limits";
        report.add(&Object::status_path(), message, "leave `status` unchanged.");
    }
    let differs = |object| !differences(kind, &desired, object).is_empty();
    if kind.is_partly_managed() {
        check_attachments(object, old, report);
    }
    // Bulkhead completes an object that Kubernetes creates, or that never was as wanted.
    if kind.is_partly_managed() && old.is_none_or(differs) {
        return;
    }
    let kept = inert_metadata(request, kind, &desired, object, old);
    for difference in differences(kind, &desired, object).into_iter().filter(|found| !kept.contains(found)) {
        let path = Path::from_steps(&difference.path);
        let (must, fix) = explain(request, kind, &difference);
        let message = format!("the baseline {} `{}` {must}", noun(kind), classify_name(object));
        report.add(&path, message, fix);
    }
}

/// An object that others write too may have no further owners and finalizers: it must exist as long as its namespace, and
/// no longer.
fn check_attachments(object: &Value, old: Option<&Value>, report: &mut RuleReport) {
    for (list, message) in [
        ("ownerReferences", "this owner reference would delete the baseline object together with its owner"),
        ("finalizers", "this finalizer can keep the baseline object, and its namespace, from being deleted"),
    ] {
        let items =
            |object: &'_ Value| object.pointer(&format!("/metadata/{list}")).cloned().unwrap_or_default();
        let known = old.map(items).unwrap_or_default();
        let is_known = |item: &Value| known.as_array().is_some_and(|known| known.contains(item));
        let items = items(object);
        for (index, _) in
            items.as_array().into_iter().flatten().enumerate().filter(|(_, item)| !is_known(item))
        {
            report.add(&Object::metadata_item_path(list, index), message, "remove it.");
        }
    }
}

/// Returns the labels and annotations that the stored object has already and that no known component acts on: another
/// webhook added them while Bulkhead wrote the object.
fn inert_metadata(
    request: &Request<'_>,
    kind: Kind,
    desired: &Value,
    object: &Value,
    old: Option<&Value>,
) -> Vec<Difference> {
    let is_stored = request.stage() == Stage::Stored;
    let Some(stored) = old.or(is_stored.then_some(object)) else { return Vec::new() };
    let mut kept = differences(kind, desired, stored);
    kept.retain(|difference| difference.is_inert_metadata(kind));
    kept
}

fn classify_name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::NetworkPolicy | Kind::AuthorizationPolicy => "policy",
        kind => kind.name(),
    }
}

/// The requirement that the object does not meet, and the fix.
fn explain(request: &Request<'_>, kind: Kind, difference: &Difference) -> (String, &'static str) {
    let path: Vec<&str> = difference.path.iter().map(String::as_str).collect();
    let must = match (path.as_slice(), &difference.wanted) {
        (_, Some(wanted)) if request.may_reveal(request.tenant_name()) => {
            format!("must have {} here", quote(wanted))
        }
        (_, Some(_)) => "must stay as it is here".to_owned(),
        (["metadata", "labels", _], None) => "must have no such label".to_owned(),
        (["metadata", "annotations", _], None) => "must have no such annotation".to_owned(),
        (["metadata", "ownerReferences"], None) => "must have no owner references".to_owned(),
        (["metadata", field], None) => format!("must have no {field}"),
        (["spec", rules @ ("ingress" | "egress")], None) => format!("must have no {rules} rules"),
        (_, None) => "must not have this field".to_owned(),
    };
    let fix = match path.as_slice() {
        ["metadata", ..] if difference.wanted.is_none() => {
            "remove it. If a chart ships the object, give the object another name in the chart."
        }
        ["metadata", ..] => {
            "keep it. If a chart ships the object, give the object another name in the chart."
        }
        _ if kind == Kind::NetworkPolicy => {
            "leave it unchanged and put your rules in a NetworkPolicy of your own."
        }
        _ if request.tenant.is_some() => {
            "leave it unchanged, or ask the platform to change `grants`, `limits` or `namespaceQuota` of the Tenant."
        }
        _ => "leave it unchanged; the platform changes it through the SharedService or the settings.",
    };
    (must, fix)
}
