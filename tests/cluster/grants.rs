//! The objects of a grant, which are created and removed with it.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{
    forbid_creation, jsonpath, new_namespace, new_tenant, new_unready_namespace, shared, wait_until_ready,
};
use support::conditions::reason;
use support::objects::{object, pod};
use support::refusal::refused;
use support::wait::{until, within};

/// The names of the objects of a kind in a namespace.
fn names(kubectl: &Kubectl, kind: &str, namespace: &str) -> Vec<String> {
    let names = jsonpath(kubectl, &[kind, "-n", namespace], "{.items[*].metadata.name}");
    names.split_whitespace().map(str::to_owned).collect()
}

const ENTRIES: &str = "serviceentries.networking.istio.io";
const AUTHENTICATION: &str = "peerauthentications.security.istio.io";

#[test]
fn removed_grant_removes_its_objects() {
    let it = shared();
    let member = new_tenant(&it, "grant-all");
    let name = new_namespace(&member, "grant-all");
    let admin = it.cluster.admin().unwrap();
    let grants = json!({ "spec": { "grants": {
        "reach": {
            "hosts": ["api.example.com", "*.example.org"],
            "cidrs": [
                { "cidr": "203.0.113.0/24", "ports": [5432] },
                { "cidr": "203.0.113.0/24", "ports": [123], "protocol": "UDP" },
            ],
        },
        "callers": [{ "namespace": "monitoring", "serviceAccount": "prometheus", "ports": [15020] }],
        "apiServerCallbacks": [{ "selector": { "app": "operator" }, "port": 9443 }],
    } } });
    let grant = |grants: &Value| {
        admin.ok(&["patch", "tenant", "grant-all", "--type=merge", "-p", &grants.to_string()]).unwrap();
    };
    grant(&grants);
    let granted =
        ["bulkhead-address-203-0-113-0-24", "bulkhead-host-api.example.com", "bulkhead-host-example.org.any"];
    until(|| names(&admin, ENTRIES, &name) == granted);
    until(|| names(&admin, AUTHENTICATION, &name) == ["bulkhead-callback-1", "default"]);
    let policy = |path: &str| {
        let path = format!("jsonpath={{{path}}}");
        admin.ok(&["get", "networkpolicy", "allow-granted", "-n", &name, "-o", &path]).unwrap()
    };
    until(|| policy(".spec.egress[0].to[0].ipBlock.cidr").contains("203.0.113.0/24"));
    assert_eq!(policy(".spec.egress[*].ports[*]['protocol','port']"), "TCP UDP 5432 123");
    assert_eq!(policy(".spec.ingress[0].ports[0].port"), "15020");
    let spec = "jsonpath={.spec.rules}";
    let denies =
        ["get", "authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", &name, "-o", spec];
    let rules: Value = serde_json::from_str(&admin.ok(&denies).unwrap()).unwrap();
    assert_eq!(rules[0]["to"][0]["operation"]["notPorts"], json!(["9443"]));
    assert_eq!(rules[2]["to"][0]["operation"]["notPorts"], json!(["15020"]));

    let entry = ["delete", ENTRIES, "bulkhead-host-api.example.com", "-n", &name];
    refused(&member, &entry, "", &[("BH201", "metadata.name")]);
    let open = r#"{"spec":{"portLevelMtls":{"8080":{"mode":"DISABLE"}}}}"#;
    let patched = ["patch", AUTHENTICATION, "bulkhead-callback-1", "-n", &name, "--type=merge", "-p", open];
    refused(&member, &patched, "", &[("BH202", "spec.portLevelMtls.8080")]);
    let spec = json!({ "hosts": ["mine.example.com"], "resolution": "DNS" });
    let mine = object("networking.istio.io/v1", "ServiceEntry", &name, "bulkhead-host-mine", &spec);
    refused(&member, &["create", "-f", "-"], &mine.to_string(), &[("BH202", "metadata.name")]);

    grant(&json!({ "spec": { "grants": null } }));
    until(|| names(&admin, ENTRIES, &name).is_empty());
    until(|| names(&admin, AUTHENTICATION, &name) == ["default"]);
    until(|| policy(".spec.egress").is_empty());
}

/// A tenant that forbids the creation of objects delays no revocation, and its status says so.
#[test]
fn revocation_proceeds_while_a_new_grant_cannot_be_written() {
    let it = shared();
    let member = new_tenant(&it, "grant-full");
    let name = new_namespace(&member, "grant-full");
    let admin = it.cluster.admin().unwrap();
    let reach = |cidr: &str| {
        let reach =
            json!({ "spec": { "grants": { "reach": { "cidrs": [{ "cidr": cidr, "ports": [5432] }] } } } });
        admin.ok(&["patch", "tenant", "grant-full", "--type=merge", "-p", &reach.to_string()]).unwrap();
    };
    let egress = || {
        let path = "jsonpath={.spec.egress}";
        admin.ok(&["get", "networkpolicy", "allow-granted", "-n", &name, "-o", path]).unwrap()
    };
    reach("203.0.113.0/24");
    until(|| names(&admin, ENTRIES, &name) == ["bulkhead-address-203-0-113-0-24"]);
    until(|| egress().contains("203.0.113.0/24"));

    let release = forbid_creation(&member, &name, ENTRIES);
    reach("198.51.100.0/24");
    until(|| names(&admin, ENTRIES, &name).is_empty());
    until(|| egress().contains("198.51.100.0/24"));
    assert!(!egress().contains("203.0.113.0/24"));
    within(Duration::from_mins(1), || reason(&admin, "tenant", "grant-full") == "BaselineOutOfDate");

    release();
    reach("192.0.2.0/24");
    until(|| names(&admin, ENTRIES, &name) == ["bulkhead-address-192-0-2-0-24"]);
    until(|| reason(&admin, "tenant", "grant-full") == "Ready");
}

#[test]
fn revoked_grant_is_removed_from_a_terminating_namespace() {
    let it = shared();
    let member = new_tenant(&it, "grant-end");
    let name = new_namespace(&member, "grant-end");
    let admin = it.cluster.admin().unwrap();
    let grants = |grants: &Value| {
        let grants = json!({ "spec": { "grants": grants } });
        admin.ok(&["patch", "tenant", "grant-end", "--type=merge", "-p", &grants.to_string()]).unwrap();
    };
    grants(&json!({ "reach": { "cidrs": [{ "cidr": "203.0.113.0/24", "ports": [5432] }] } }));
    until(|| !names(&admin, ENTRIES, &name).is_empty());

    // Kubernetes deletes the objects of a namespace only after its last pod, which a finalizer keeps.
    member.apply(&pod(&name).to_string()).unwrap();
    let held = r#"{"metadata":{"finalizers":["example.com/held"]}}"#;
    admin.ok(&["patch", "pod", "app", "-n", &name, "--type=merge", "-p", held]).unwrap();
    member.ok(&["delete", "namespace", &name, "--wait=false"]).unwrap();
    let path = "jsonpath={.metadata.deletionTimestamp}";
    until(|| !admin.ok(&["get", "pod", "app", "-n", &name, "-o", path]).unwrap().is_empty());
    assert!(!names(&admin, ENTRIES, &name).is_empty());

    grants(&Value::Null);
    until(|| names(&admin, ENTRIES, &name).is_empty());
    until(|| {
        let path = "jsonpath={.spec.egress}";
        let policy = admin.run(&["get", "networkpolicy", "allow-granted", "-n", &name, "-o", path]).unwrap();
        policy.stdout.is_empty()
    });
    assert!(!names(&admin, "networkpolicies", &name).is_empty(), "the other policies stay");
    admin
        .ok(&[
            "patch",
            "pod",
            "app",
            "-n",
            &name,
            "--type=merge",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
        ])
        .unwrap();
    admin.ok(&["wait", "--for=delete", &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
}

/// Policies of sibling namespaces allow a namespace only while its own baseline is applied and it is not terminating.
#[test]
fn namespace_is_trusted_by_its_siblings_only_while_ready() {
    let it = shared();
    let member = new_tenant(&it, "grant-grow");
    let name = new_namespace(&member, "grant-grow");
    let admin = it.cluster.admin().unwrap();
    let trusted = || {
        let path = "jsonpath={.spec.rules[0].from[0].source.notPrincipals}";
        let kind = "authorizationpolicies.security.istio.io";
        admin.ok(&["get", kind, "deny-cross-tenant", "-n", &name, "-o", path]).unwrap()
    };
    let release = new_unready_namespace(&admin, "legacy-grant-grow", "grant-grow");
    let policies = "networkpolicies,authorizationpolicies.security.istio.io";
    until(|| names(&admin, policies, "legacy-grant-grow").len() >= 6);
    assert!(!trusted().contains("legacy-grant-grow"), "{}", trusted());
    release();
    wait_until_ready(&admin, "legacy-grant-grow");
    until(|| trusted().contains("legacy-grant-grow"));

    let finalizer = r#"{"metadata":{"finalizers":["example.com/held"]}}"#;
    admin.ok(&["create", "configmap", "held", "-n", "legacy-grant-grow"]).unwrap();
    let held = ["patch", "configmap", "held", "-n", "legacy-grant-grow", "--type=merge", "-p"];
    admin.ok(&[&held[..], &[finalizer]].concat()).unwrap();
    admin.ok(&["delete", "namespace", "legacy-grant-grow", "--wait=false"]).unwrap();
    until(|| !trusted().contains("legacy-grant-grow"));
    admin.ok(&[&held[..], &[r#"{"metadata":{"finalizers":null}}"#]].concat()).unwrap();
    admin.ok(&["wait", "--for=delete", "namespace/legacy-grant-grow", "--timeout=60s"]).unwrap();
}
