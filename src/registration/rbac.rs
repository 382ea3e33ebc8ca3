use serde_json::{Value, json};

use crate::api::GROUP;

/// The account of the webhook.
const NAME: &str = "bulkhead";
const RBAC: &str = "rbac.authorization.k8s.io";

/// The account of the webhook and all that it may do: read who owns what, and where the API servers and DNS are.
pub fn rbac(namespace: &str) -> Vec<Value> {
    let cluster = [watch("", "namespaces"), watch(GROUP, "sharedservices"), watch(GROUP, "tenants")];
    let mut objects = vec![account(namespace, NAME)];
    objects.extend(cluster_role(namespace, NAME, &cluster));
    objects.extend(role("default", namespace, NAME, &watch("discovery.k8s.io", "endpointslices")));
    objects.extend(role("kube-system", namespace, NAME, &watch("", "services")));
    objects
}

fn watch(group: &str, resource: &str) -> Value {
    json!({ "apiGroups": [group], "resources": [resource], "verbs": ["get", "list", "watch"] })
}

fn account(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } })
}

/// A cluster role and its binding to the account.
fn cluster_role(namespace: &str, account: &str, rules: &[Value]) -> [Value; 2] {
    let metadata = json!({ "name": account });
    [
        json!({ "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": metadata, "rules": rules }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": account },
            "subjects": [subject(namespace, account)],
        }),
    ]
}

/// A role in the namespace `home`, and its binding to the account.
fn role(home: &str, namespace: &str, account: &str, rule: &Value) -> [Value; 2] {
    let metadata = json!({ "name": account, "namespace": home });
    [
        json!({ "apiVersion": format!("{RBAC}/v1"), "kind": "Role", "metadata": metadata, "rules": [rule] }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": account },
            "subjects": [subject(namespace, account)],
        }),
    ]
}

fn subject(namespace: &str, account: &str) -> Value {
    json!({ "kind": "ServiceAccount", "name": account, "namespace": namespace })
}
