//! The status of Bulkhead's own kinds.

use serde_json::json;
use support::cluster::{
    jsonpath, new_namespace, new_tenant, new_unready_namespace, shared, wait_until_ready,
};
use support::conditions::{conditions, reason};
use support::objects::{self, labelled_namespace};
use support::wait::until;

/// The conditions of a Tenant, which its owners may read.
#[test]
fn tenant_reports_its_namespaces_and_grants_in_its_status() {
    let it = shared();
    new_tenant(&it, "ns-status");
    let admin = it.cluster.admin().unwrap();
    let until_states = |wanted: [(&str, &str); 2], names: &[&str]| {
        until(|| {
            let all = conditions(&admin, "tenant", "ns-status");
            let states = all.iter().map(|condition| (condition.state.as_str(), condition.reason.as_str()));
            let wanted = wanted.into_iter().chain([("WaypointsReady=True", "Ready")]);
            states.eq(wanted) && all.iter().any(|condition| condition.names(names))
        });
    };
    let ready = ("Ready=True", "Ready");
    until_states([ready, ("GrantsResolved=True", "Resolved")], &[]);
    let grant =
        r#"{"spec":{"grants":{"reach":{"sharedServices":["ns-status-nothing"]}},"namespaces":{"limit":2}}}"#;
    admin.ok(&["patch", "tenant", "ns-status", "--type=merge", "-p", grant]).unwrap();
    let unknown = ("GrantsResolved=False", "NotFound");
    let names = ["`spec.grants.reach.sharedServices`", "`ns-status-nothing`"];
    until_states([ready, unknown], &names);
    let release = new_unready_namespace(&admin, "legacy-ns-status", "ns-status");
    // The message has the API server's own words.
    let error = "rolebindings.rbac.authorization.k8s.io \"tenant-owners\" is forbidden: exceeded quota: none";
    until_states([("Ready=False", "NamespacesNotReady"), unknown], &["`legacy-ns-status`", error]);
    release();
    until_states([ready, unknown], &names);
    let columns = admin.ok(&["get", "tenants", "ns-status"]).unwrap();
    assert_eq!(
        columns.split_whitespace().take(8).collect::<Vec<_>>()[..4],
        ["NAME", "READY", "NAMESPACES", "ENFORCEMENT"]
    );
    assert!(columns.lines().nth(1).unwrap().starts_with("ns-status   True    1"), "{columns}");

    // A user who has no rights but those of an owner.
    let owners = json!({ "owners": [{ "kind": "User", "name": "ns-status-plain" }] });
    admin.apply(&objects::tenant("ns-status", &owners).to_string()).unwrap();
    let plain = it.cluster.user("ns-status-plain", &[]).unwrap();
    until(|| !conditions(&plain, "tenant", "ns-status").is_empty());
    new_tenant(&it, "ns-statusquo");
    for elsewhere in [&["get", "tenant", "ns-statusquo"][..], &["get", "tenants"]] {
        let said = plain.run(elsewhere).unwrap();
        assert!(!said.success, "{said:?}");
    }
    assert!(!plain.run(&["annotate", "tenant", "ns-status", "a=b"]).unwrap().success);
}

/// The resources come from the proxy that this mesh injects.
#[test]
fn tenant_with_less_than_the_proxy_needs_has_a_reason() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let spec = json!({ "limits": { "max": { "memory": "512Mi" } } });
    admin.apply(&objects::tenant("ns-small", &spec).to_string()).unwrap();
    let until_named = |names: &[&str]| {
        until(|| {
            let all = conditions(&admin, "tenant", "ns-small");
            all.iter().any(|known| known.reason == "LimitsTooSmall" && known.names(names))
        });
    };
    until_named(&["`spec.limits.max.memory`", "512Mi", "1Gi"]);
    let patch =
        |patch: &str| admin.ok(&["patch", "tenant", "ns-small", "--type=merge", "-p", patch]).unwrap();
    patch(r#"{"spec":{"limits":null,"namespaceQuota":{"requests.cpu":"1","limits.cpu":"1"}}}"#);
    until_named(&["`spec.namespaceQuota[limits.cpu]`"]);
    patch(r#"{"spec":{"namespaceQuota":{"limits.cpu":"8"}}}"#);
    until(|| reason(&admin, "tenant", "ns-small") == "Ready");
}

/// Any tenant could run under the account of a service whose namespace the settings do not list.
#[test]
fn unusable_shared_service_is_refused_or_has_a_reason() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let apply_until_reason = |service: &str, namespace: &str, expected: &str| {
        let spec = json!({ "namespace": namespace, "selector": { "app": "a" }, "ports": [{ "port": 8080 }] });
        admin.apply(&objects::shared_service(service, &spec).to_string()).unwrap();
        until(|| {
            let path = "{.metadata.generation} {.status.observedGeneration}";
            let generations = jsonpath(&admin, &["sharedservice", service], path);
            let (generation, observed) = generations.split_once(' ').unwrap();
            generation == observed && reason(&admin, "sharedservice", service) == expected
        });
    };
    for namespace in ["monitoring", "ns-status-elsewhere"] {
        admin.apply(&labelled_namespace(namespace, &json!({})).to_string()).unwrap();
    }
    apply_until_reason("ns-status-platform", "kube-public", "NamespaceNotAccepted");
    apply_until_reason("ns-status-unlisted", "ns-status-elsewhere", "Ready");
    apply_until_reason("ns-status-service", "monitoring", "Ready");
    let policies = |namespace| admin.ok(&["get", "networkpolicies", "-n", namespace, "-o", "name"]).unwrap();
    until(|| policies("monitoring").contains("bulkhead-ns-status-service"));
    until(|| policies("ns-status-elsewhere").contains("bulkhead-ns-status-unlisted"));
    assert_eq!(policies("kube-public"), "", "an unusable service gets no policies");
    for (path, selector, ports) in [
        ("spec.selector: ", json!({}), json!([{ "port": 1 }])),
        ("spec.ports: ", json!({ "app": "a" }), json!([])),
        ("spec.ports[0].port: ", json!({ "app": "a" }), json!([{ "port": 0 }])),
        ("spec.selector.app: ", json!({ "app": "not a value" }), json!([{ "port": 1 }])),
    ] {
        let spec = json!({ "namespace": "monitoring", "selector": selector, "ports": ports });
        let service = objects::shared_service("ns-status-wrong", &spec);
        let said = admin.feed(&["create", "-f", "-"], &service.to_string()).unwrap();
        assert!(!said.success && said.stderr.contains(&format!("is invalid: {path}")), "{said:?}");
    }
}

/// The schema accepts the Tenant, and the controller cannot read it.
#[test]
fn tenant_that_cannot_be_read_does_not_affect_others() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    new_tenant(&it, "tn-vast");
    let vast = r#"{"spec":{"namespaces":{"limit":5000000000}}}"#;
    admin.ok(&["patch", "tenant", "tn-vast", "--type=merge", "-p", vast]).unwrap();
    until(|| reason(&admin, "tenant", "tn-vast") == "InvalidSpec");
    let member = new_tenant(&it, "tn-beside");
    new_namespace(&member, "tn-beside");
    // Its last good spec stays in use.
    let owner = it.cluster.user("tn-vast-alice", &["tn-vast-developers"]).unwrap();
    owner.ok(&["create", "namespace", "tenant-tn-vast"]).unwrap();
    wait_until_ready(&admin, "tenant-tn-vast");
}
