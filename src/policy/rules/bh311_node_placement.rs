//! # BH311 `node-placement`
//!
//! ## What it refuses
//! Refuses pods that can run on nodes that are not for tenants.
//!
//! A new pod and a template must not have `nodeName`. `schedulerName` must be absent, `default-scheduler` or in the
//! setting `allowedSchedulers`. A toleration must name a key, and the key must not be of the control plane
//! (`node-role.kubernetes.io/…`, `CriticalAddonsOnly`), of a node whose network is not ready, such as
//! `cni.istio.io/not-ready`, or in the setting `reservedTaints`. If the tenant has nodes of its own
//! (`Tenant.spec.grants.nodes.selector`), the `nodeSelector` must have these labels. People and the tenant's own accounts
//! must not write a Binding, which places a pod.
//!
//! ## Why
//! A pod on a node of the control plane or of shared services can attack them from inside. On a node whose network is
//! not ready nothing redirects the traffic, and no network policy is in force.
//!
//! ## What to write instead
//! Remove `nodeName`, and choose nodes by `nodeSelector` or `affinity`. Name the key of each toleration. Write the
//! `nodeSelector` of your tenant's nodes in every pod template. A DaemonSet tolerates nodes that are short of disk or
//! memory without your help.
//!
//! ## How to get it allowed
//! The platform lists schedulers in the setting `allowedSchedulers`, and grants nodes and the taints of a pool in
//! `Tenant.spec.grants.nodes`. For one workload, ask the platform for an Exemption of BH311.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: on-every-node, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       nodeName: control-plane-1 # BH311
//!       schedulerName: mine # BH311
//!       tolerations:
//!         - operator: Exists # BH311
//!         - { key: node-role.kubernetes.io/control-plane, effect: NoSchedule } # BH311
//!         - { key: cni.istio.io/not-ready, operator: Exists } # BH311
//!         - { key: node.kubernetes.io/not-ready, operator: Exists } # BH311
//!         - { key: example.com/pool, operator: Exists } # BH311
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! Tenant `beta` has nodes of its own:
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: on-any-node, namespace: tenant-beta }
//! spec:
//!   template:
//!     spec:
//!       nodeSelector: # BH311
//!         example.com/pool: acme
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Binding
//! metadata: { name: web-0, namespace: tenant-acme }
//! target: { kind: Node, name: control-plane-1 } # BH311
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: on-fast-nodes, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       schedulerName: default-scheduler
//!       nodeSelector: { disk: fast }
//!       tolerations:
//!         - { key: nvidia.com/gpu, operator: Exists, effect: NoSchedule }
//!         - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300 }
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: on-own-nodes, namespace: tenant-beta }
//! spec:
//!   template:
//!     spec:
//!       nodeSelector: { example.com/pool: beta, disk: fast }
//!       tolerations:
//!         - { key: example.com/pool, operator: Equal, value: beta, effect: NoSchedule }
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Limits
//! A granted toleration names the key of a taint, and admits all its values. A grant of nodes keeps the tenant's pods on
//! them, and only a reserved taint keeps the pods of others away.

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, quote};
use crate::api::Nodes;
use crate::keys::{NETWORK_TAINT, NODE_ROLE_PREFIX, NOT_READY_TAINT, RESERVED_TAINTS};
use crate::policy::object::{Object, Stage, Toleration, Workload};

pub(super) const RULE: Rule =
    Rule::new(Check::Object(check)).kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::Binding])]);

const DEFAULT_SCHEDULER: &str = "default-scheduler";
/// The effect of a taint on pods that run already.
const NO_EXECUTE: &str = "NoExecute";

fn check(request: &Request<'_>, report: &mut RuleReport) {
    match request.object {
        Object::Workload(workload) => check_workload(request, workload, report),
        Object::Binding(_) if !request.is_by_component() => report.add(
            &Object::target_path(),
            "only a scheduler may choose the node of a pod, because a binding ignores taints",
            "let the scheduler place the pod.",
        ),
        _ => {}
    }
}

fn check_workload(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    let nodes = request.tenant_object().map(|tenant| &tenant.grants.nodes);
    check_selector(request, workload, nodes, report);
    // The scheduler sets the node of a pod that exists.
    let is_new = workload.stage != Stage::Stored && request.operation == Operation::Create;
    if let Some(node) = workload.node_name().filter(|_| is_new || workload.stage == Stage::Authored) {
        report.add(
            &node.path,
            format!(
                "{} is a node that the scheduler did not choose, and its taints are ignored",
                quote(node.value)
            ),
            "remove `nodeName`, and choose nodes by `nodeSelector` or `affinity`.",
        );
    }
    let is_allowed =
        |name: &str| name == DEFAULT_SCHEDULER || request.snapshot.settings.allowed_schedulers.contains(name);
    if let Some(scheduler) = workload.scheduler_name().filter(|name| !is_allowed(name.value)) {
        report.add(
            &scheduler.path,
            format!("the scheduler {} can place the pod on any node", quote(scheduler.value)),
            "remove `schedulerName`, or ask the platform to list it in the setting `allowedSchedulers`.",
        );
    }
    let is_reserved = |key: &&str| {
        let is_granted = nodes.is_some_and(|nodes| nodes.tolerations.iter().any(|granted| granted == key));
        request.snapshot.settings.reserved_taints.contains(*key) && !is_granted
    };
    for toleration in workload.tolerations() {
        let key = toleration.value.key.as_deref().unwrap_or_default();
        // The DaemonSet controller adds it to pods on the host network, which BH301 judges.
        let is_added = workload.host_network().value && key == NETWORK_TAINT;
        if let Some(finding) = finding(toleration.value).filter(|_| !is_added) {
            report.add(
                &toleration.path,
                finding,
                "remove this toleration, or name the key of another taint.",
            );
        } else if let Some(key) = Some(key).filter(is_reserved) {
            report.add(
                &toleration.path,
                format!("{} is the taint of nodes that are not for this tenant", quote(key)),
                "remove this toleration, or ask the platform for `Tenant.spec.grants.nodes.tolerations`.",
            );
        }
    }
}

/// Reports the labels of the tenant's nodes that the pod does not select.
fn check_selector(
    request: &Request<'_>,
    workload: &Workload<'_>,
    nodes: Option<&Nodes>,
    report: &mut RuleReport,
) {
    let selector = workload.node_selector();
    for (key, value) in nodes.into_iter().flat_map(|nodes| &nodes.selector) {
        if selector.value.get(key).is_none_or(|(_, selected)| **selected != **value) {
            let tenant = request.own_tenant_in_words();
            let (message, fix) = if request.may_reveal(request.tenant_name()) {
                let label = quote(&format!("{key}: {value}"));
                (
                    format!("the pods of {tenant} run only on nodes with the label {label}"),
                    format!("set {label} in the `nodeSelector`."),
                )
            } else {
                (
                    format!("the pods of {tenant} run only on certain nodes"),
                    "set the `nodeSelector` that an owner of the tenant finds in `Tenant.spec.grants.nodes`."
                        .to_owned(),
                )
            };
            report.add(&selector.path, message, fix);
        }
    }
}

fn finding(toleration: &Toleration<'_>) -> Option<String> {
    let key = toleration.key.as_deref().unwrap_or_default();
    if key.is_empty() {
        return Some(
            "this toleration matches every taint, and the pod runs on nodes that are not for tenants"
                .to_owned(),
        );
    }
    let is_not_ready = key == NOT_READY_TAINT && toleration.effect.as_deref() != Some(NO_EXECUTE);
    let is_reserved = key.starts_with(NODE_ROLE_PREFIX) || RESERVED_TAINTS.contains(&key) || is_not_ready;
    is_reserved
        .then(|| format!("{} is the taint of nodes on which no pod of a tenant should start", quote(key)))
}
