use serde_json::{Value, json};

use super::super::cluster::PRIORITY_LEVEL;
use super::{Body, Object, TenantSite};
use crate::api::SubjectKind;
use crate::kinds::Kind;

/// Assigns the tenant's API requests to the tenants' priority level, where they queue with those of other tenants
/// and delay nobody else's.
pub(super) const fn object<'w>() -> Object<TenantSite<'w>> {
    Object { kind: Kind::FlowSchema, name: "bulkhead-tenant-", body: Body::Optional(body) }
}

/// After the schemas of Kubernetes' own components, and before its schemas for all remaining requests.
const PRECEDENCE: u32 = 8000;

fn body(site: TenantSite<'_>) -> Option<Value> {
    if !site.snapshot.settings.api_fairness {
        return None;
    }
    let owners = site.tenant.owners.iter().map(|owner| match owner.kind {
        SubjectKind::User => json!({ "kind": "User", "user": { "name": owner.name } }),
        SubjectKind::Group => json!({ "kind": "Group", "group": { "name": owner.name } }),
        SubjectKind::ServiceAccount => {
            json!({ "kind": "ServiceAccount", "serviceAccount": { "name": owner.name, "namespace": owner.namespace } })
        }
    });
    let accounts = site.snapshot.namespaces_of(&site.tenant.name);
    let accounts = accounts.map(
        |namespace| json!({ "kind": "Group", "group": { "name": format!("system:serviceaccounts:{namespace}") } }),
    );
    let subjects: Vec<Value> = owners.chain(accounts).collect();
    // A rule must have a subject.
    if subjects.is_empty() {
        return None;
    }
    let all = json!(["*"]);
    Some(json!({ "spec": {
        "distinguisherMethod": { "type": "ByUser" },
        "matchingPrecedence": PRECEDENCE,
        "priorityLevelConfiguration": { "name": PRIORITY_LEVEL },
        "rules": [{
            "subjects": subjects,
            "resourceRules": [{
                "apiGroups": all, "clusterScope": true, "namespaces": all, "resources": all, "verbs": all,
            }],
            "nonResourceRules": [{ "nonResourceURLs": all, "verbs": all }],
        }],
    } }))
}
