//! The requests of the two accounts, as the API server's audit log records them.

use serde_json::Value;

use super::permission::{Permission, in_rules};

const RBAC: &str = "rbac.authorization.k8s.io";
const REGISTRATION: &str = "admissionregistration.k8s.io";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn account(event: &Value) -> String {
    let user = event["user"]["username"].as_str().unwrap();
    user.rsplit(':').next().unwrap().to_owned()
}

/// The permission that a request needs; none if it names no resource.
fn needed(event: &Value) -> Option<Permission> {
    let object = &event["objectRef"];
    let mut resource = object["resource"].as_str()?.to_owned();
    if let Some(subresource) = object["subresource"].as_str() {
        resource = format!("{resource}/{subresource}");
    }
    Some(Permission {
        account: account(event),
        group: text(&object["apiGroup"]),
        resource,
        verb: text(&event["verb"]),
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
    })
}

fn is_allowed(event: &Value) -> bool {
    event["annotations"]["authorization.k8s.io/decision"] == "allow"
}

/// The permissions that a request has used: the one for its verb, and those that Kubernetes asks for beside it.
pub(super) fn uses(event: &Value) -> Vec<Permission> {
    let Some(direct) = needed(event).filter(|_| is_allowed(event)) else { return Vec::new() };
    let (is_write, body) = (["create", "update"].contains(&direct.verb.as_str()), &event["requestObject"]);
    let mut used = Vec::new();
    // An apply that creates the object.
    if direct.verb == "patch" && event["responseStatus"]["code"] == 201 {
        used.push(direct.with_verb("create"));
    }
    // A user needs `bind`, or the permissions in the role, to bind it; and its permissions to write it
    // (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
    if is_write && direct.group == RBAC {
        if body["roleRef"]["kind"] == "ClusterRole" {
            used.push(Permission {
                resource: "clusterroles".to_owned(),
                verb: "bind".to_owned(),
                namespace: String::new(),
                name: text(&body["roleRef"]["name"]),
                ..direct.clone()
            });
        }
        used.extend(in_rules(&direct.account, "", &body["rules"]));
    }
    // The plugin OwnerReferencesPermissionEnforcement, which this API server runs.
    if direct.group == REGISTRATION && !body["metadata"]["ownerReferences"].is_null() {
        used.push(direct.with_verb("delete"));
    }
    used.push(direct);
    used
}

/// The requests that were refused with 403, without the probes: each replica of the webhook refuses those.
pub(super) fn refused(events: &[Value]) -> Vec<String> {
    let is_probe = |event: &Value| {
        let is_dry_run = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun=All"));
        event["verb"] == "patch"
            && event["objectRef"]["resource"] == "namespaces"
            && is_dry_run
            && is_allowed(event)
    };
    let is_refused = |event: &&Value| event["responseStatus"]["code"] == 403 && !is_probe(event);
    let name = |event: &Value| {
        needed(event).map_or_else(|| text(&event["requestURI"]), |permission| permission.to_string())
    };
    events.iter().filter(is_refused).map(name).collect()
}
