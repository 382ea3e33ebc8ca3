//! Advice of refusals, followed through the real API server: what it needs of Kubernetes and of Istio, no rule can say.

use serde_json::json;
use support::cluster::{new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects::{changed, object, pod};
use support::refusal::refused;
use support::wait::until;

/// The account of an owner has no rights but those that Bulkhead and, as BH404 advises, the platform give.
#[test]
fn token_is_requested_in_place_of_a_secret() {
    let it = shared();
    let member = new_tenant(&it, "advice-token");
    let namespace = &*new_namespace(&member, "advice-token");
    let admin = it.cluster.admin().unwrap();
    let account = "system:serviceaccount:advice:deployer";
    let owner = json!({ "spec": { "owners": [{ "kind": "Group", "name": "advice-token-developers" },
        { "kind": "ServiceAccount", "namespace": "advice", "name": "deployer" }] } });
    admin.ok(&["patch", "tenant", "advice-token", "--type=merge", "-p", &owner.to_string()]).unwrap();
    let owner = it.cluster.user(account, &["system:serviceaccounts"]).unwrap();
    let named = json!({ "kubernetes.io/service-account.name": "default" });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": { "name": "token", "namespace": namespace, "annotations": named },
    });
    until(|| {
        owner.run(&["auth", "can-i", "create", "secrets", "-n", namespace]).is_ok_and(|said| said.success)
    });
    refused(&owner, &["create", "-f", "-"], &secret.to_string(), &[("BH404", "type")]);

    let role =
        ["create", "role", "tokens", "-n", namespace, "--verb=create", "--resource=serviceaccounts/token"];
    admin.ok(&role).unwrap();
    let user = format!("--user={account}");
    admin.ok(&["create", "rolebinding", "tokens", "-n", namespace, "--role=tokens", &user]).unwrap();
    until(|| owner.run(&["create", "token", "default", "-n", namespace]).is_ok_and(|said| said.success));
    let token = json!({ "serviceAccountToken": { "path": "token", "audience": "vault" } });
    let with_token = changed(pod(namespace), |pod| {
        pod["spec"]["volumes"] = json!([{ "name": "token", "projected": { "sources": [token] } }]);
    });
    wait_for_default_account(&owner, namespace);
    owner.apply(&with_token.to_string()).unwrap();
}

#[test]
fn namespace_is_created_after_the_wait_for_a_terminating_one() {
    let it = shared();
    let member = new_tenant(&it, "advice-limit");
    let admin = it.cluster.admin().unwrap();
    let limit = r#"{"spec":{"namespaces":{"limit":1}}}"#;
    admin.ok(&["patch", "tenant", "advice-limit", "--type=merge", "-p", limit]).unwrap();
    let namespace = &*new_namespace(&member, "advice-limit");
    let held = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "held", "namespace": namespace, "finalizers": ["example.com/held"] },
    });
    member.apply(&held.to_string()).unwrap();
    member.ok(&["delete", "namespace", namespace, "--wait=false"]).unwrap();
    let create = ["create", "namespace", "tenant-advice-limit-next"];
    let wait = format!("kubectl wait --for=delete namespace/{namespace}");
    let said = until(|| member.run(&create).ok().filter(|said| said.stderr.contains(&wait)));
    assert!(!said.success, "{said:?}");

    let release = r#"{"metadata":{"finalizers":null}}"#;
    admin.ok(&["patch", "configmap", "held", "-n", namespace, "--type=merge", "-p", release]).unwrap();
    member.ok(&["wait", "--for=delete", &format!("namespace/{namespace}"), "--timeout=30s"]).unwrap();
    until(|| member.run(&create).is_ok_and(|said| said.success));
}

/// The real injector writes the proxy of a pod with this annotation, and BH304 admits it.
#[test]
fn termination_drain_duration_takes_the_place_of_a_hook() {
    let it = shared();
    let member = new_tenant(&it, "advice-drain");
    let namespace = &*new_namespace(&member, "advice-drain");
    let hook = json!({ "exec": { "command": ["sleep", "20"] } });
    let hooked = changed(pod(namespace), |pod| {
        let proxy = json!({ "name": "istio-proxy", "image": "auto", "lifecycle": { "preStop": hook } });
        pod["spec"]["containers"].as_array_mut().unwrap().push(proxy);
    });
    let said = member.feed(&["create", "-f", "-"], &hooked.to_string()).unwrap();
    assert!(said.stderr.contains("`terminationDrainDuration`"), "{said:?}");
    let drained = changed(pod(namespace), |pod| {
        pod["metadata"]["annotations"]["proxy.istio.io/config"] = json!("terminationDrainDuration: 20s");
    });
    member.apply(&drained.to_string()).unwrap();
}

#[test]
fn kinds_that_refusals_suggest_are_admitted() {
    let it = shared();
    let member = new_tenant(&it, "advice-kinds");
    let namespace = &*new_namespace(&member, "advice-kinds");
    let limits =
        |limit| object("v1", "LimitRange", namespace, "disks", &json!({ "limits": [limit] })).to_string();
    let of_containers = limits(json!({ "type": "Container", "default": { "memory": "8Mi" } }));
    refused(&member, &["create", "-f", "-"], &of_containers, &[("BH204", "spec")]);
    member.apply(&limits(json!({ "type": "PersistentVolumeClaim", "max": { "storage": "9Gi" } }))).unwrap();

    let filter = object("networking.istio.io/v1alpha3", "EnvoyFilter", namespace, "headers", &json!({}));
    refused(&member, &["create", "-f", "-"], &filter.to_string(), &[("BH907", "kind")]);
    let route = json!({ "hosts": ["web"], "http": [{
        "headers": { "response": { "set": { "x-frame-options": "DENY" } } },
        "timeout": "5s", "retries": { "attempts": 2 },
        "fault": { "abort": { "httpStatus": 503, "percentage": { "value": 1 } } },
        "route": [{ "destination": { "host": "web" } }],
    }] });
    let route = object("networking.istio.io/v1", "VirtualService", namespace, "headers", &route);
    member.apply(&route.to_string()).unwrap();
}
