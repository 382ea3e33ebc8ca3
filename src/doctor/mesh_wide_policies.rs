//! Objects in the mesh's root namespace, which apply to every proxy.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::keys::{DRY_RUN_ANNOTATION, MANAGED_BY_LABEL};
use crate::kinds::Kind;
use crate::settings::Settings;

pub(super) const CHECK: Check = Check {
    name: "mesh-wide-policies",
    severity: Severity::Error,
    expects: "In the mesh's root namespace, a PeerAuthentication requires mTLS of the whole mesh, and only Bulkhead has an \
              EnvoyFilter, a WasmPlugin, a ProxyConfig or an AuthorizationPolicy that allows calls.",
    run: |inspection| Box::pin(run(inspection)),
};

/// The kinds that change proxies.
const PROXY_KINDS: [Kind; 3] = [Kind::EnvoyFilter, Kind::WasmPlugin, Kind::ProxyConfig];

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let root = inspection.settings.mesh_root.as_str();
    let mut problems = Vec::new();
    let mut lists = Vec::new();
    for kind in [Kind::PeerAuthentication, Kind::AuthorizationPolicy].into_iter().chain(PROXY_KINDS) {
        match inspection.list_kind(kind, Some(root)).await {
            Ok(objects) => lists.push((kind, objects)),
            Err(unread) => problems.push(unread.into()),
        }
    }
    for (kind, objects) in lists {
        problems.extend(match kind {
            Kind::PeerAuthentication => judge_mtls(&objects, &inspection.settings),
            Kind::AuthorizationPolicy => {
                others(&objects).filter(|policy| allows(policy)).map(allowed).collect()
            }
            _ => others(&objects).map(|object| changed(kind, object)).collect(),
        });
    }
    Ok(problems)
}

/// Returns the objects that are not Bulkhead's.
fn others(objects: &[DynamicObject]) -> impl Iterator<Item = &DynamicObject> {
    let (key, value) = MANAGED_BY_LABEL;
    objects.iter().filter(move |object| object.labels().get(key).is_none_or(|known| known != value))
}

fn name(kind: Kind, object: &DynamicObject) -> String {
    format!("{} {}/{}", kind.name(), object.namespace().unwrap_or_default(), object.name_any())
}

/// True for a policy in force with rules that allow calls.
fn allows(policy: &DynamicObject) -> bool {
    let spec = policy.data.get("spec");
    let field = |name: &str| spec.and_then(|spec| spec.get(name));
    let is_allow = field("action").and_then(Value::as_str).is_none_or(|action| action == "ALLOW");
    let has_rules = field("rules").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    let is_dry_run = policy.annotations().get(DRY_RUN_ANNOTATION).is_some_and(|value| value == "true");
    is_allow && has_rules && !is_dry_run
}

fn allowed(policy: &DynamicObject) -> Problem {
    let message = "allows calls in the whole mesh: in tenants' namespaces it adds to the policies of tenants, which then do not \
                   restrict these calls";
    let remedy = "move it into the namespace of the workload that it is for";
    Problem::warning(name(Kind::AuthorizationPolicy, policy), message, remedy)
}

fn changed(kind: Kind, object: &DynamicObject) -> Problem {
    let message = "changes every proxy that it selects in the whole mesh, those of tenants included";
    let remedy = "move it into the namespace of the workload that it is for, or review that it removes no filter and no mTLS";
    Problem::warning(name(kind, object), message, remedy)
}

/// Judges the policies for the whole mesh: the oldest without a selector is in force.
fn judge_mtls(policies: &[DynamicObject], settings: &Settings) -> Vec<Problem> {
    let spec = |policy: &DynamicObject, pointer: &str| policy.data.pointer(pointer).cloned();
    let mut mesh_wide: Vec<&DynamicObject> =
        policies.iter().filter(|policy| spec(policy, "/spec/selector/matchLabels").is_none()).collect();
    mesh_wide.sort_by_key(|policy| policy.creation_timestamp().map(|time| time.0));
    let Some(oldest) = mesh_wide.first() else {
        let message = "no PeerAuthentication applies to the whole mesh, so workloads outside tenants' namespaces accept plaintext";
        let object = format!("Namespace {}", settings.mesh_root);
        return vec![Problem::warning(
            object,
            message,
            "set `meshWide.manage: true`, or create one with the mode `STRICT`",
        )];
    };
    let mut problems = Vec::new();
    let mode = spec(oldest, "/spec/mtls/mode");
    if mode.as_ref().and_then(Value::as_str) != Some("STRICT") {
        problems.push(Problem::error(
            name(Kind::PeerAuthentication, oldest),
            "does not require mTLS, and is the oldest for the whole mesh, so that it is the one in force",
            "set its mode to `STRICT`, or delete it",
        ));
    }
    for ignored in mesh_wide.iter().skip(1) {
        let message = format!("is not in force, because `{}` is older", oldest.name_any());
        problems.push(Problem::warning(
            name(Kind::PeerAuthentication, ignored),
            message,
            "delete all but one PeerAuthentication without a selector",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use serde_json::json;

    use super::*;

    fn policy(name: &str, minute: u8, spec: &Value) -> DynamicObject {
        let created = format!("2026-01-01T00:{minute:02}:00Z");
        let metadata = json!({ "name": name, "namespace": "istio-system", "creationTimestamp": created });
        let object = json!({ "metadata": metadata, "spec": spec });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn oldest_policy_must_be_strict() {
        let strict = policy("default", 2, &json!({ "mtls": { "mode": "STRICT" } }));
        let older = policy("old", 1, &json!({ "mtls": { "mode": "PERMISSIVE" } }));
        let selecting = policy("app", 0, &json!({ "selector": { "matchLabels": { "app": "a" } } }));
        let severities = |policies: &[DynamicObject]| -> Vec<Severity> {
            judge_mtls(policies, &Settings::default()).iter().map(|problem| problem.severity).collect()
        };
        assert_eq!(severities(std::slice::from_ref(&selecting)), [Severity::Warning]);
        assert_eq!(severities(&[strict.clone(), selecting]), [Severity::Info; 0]);
        assert_eq!(severities(&[strict, older]), [Severity::Error, Severity::Warning]);
    }

    #[test]
    fn only_policies_with_rules_allow_calls() {
        assert!(allows(&policy("a", 0, &json!({ "rules": [{}] }))));
        assert!(!allows(&policy("a", 0, &json!({}))));
        assert!(!allows(&policy("a", 0, &json!({ "action": "DENY", "rules": [{}] }))));
    }
}
