//! A tenant whose workloads are older than Bulkhead: observed, audited, enforced.

use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::{Value, json};
use support::cluster::{
    BASELINE_KINDS, jsonpath, namespace_labels, new_namespace, new_tenant, new_unready_namespace, shared,
    wait_for_default_account, wait_until_ready,
};
use support::command::bulkhead_as;
use support::objects::{self, changed, deployment, labelled_namespace, list, peer_authentication, pod};
use support::refusal::{expect_refused, expect_warned, refused, reported, warnings};
use support::wait::until;

const LABEL: &str = "metadata.labels[sidecar.istio.io/inject]";

/// Creates a tenant that is observed.
fn observed(admin: &Kubectl, name: &str) {
    let group = format!("{name}-developers");
    let spec = json!({ "enforcement": "Observe", "owners": [{ "kind": "Group", "name": group }] });
    admin.apply(&objects::tenant(name, &spec).to_string()).unwrap();
}

/// Fills a namespace as an older cluster has it: a pod outside the mesh, a mesh policy that opens, and a `tenant` label
/// with another meaning.
fn older(admin: &Kubectl, namespace: &str) {
    admin.ok(&["create", "namespace", namespace]).unwrap();
    admin.ok(&["label", "namespace", namespace, "tenant=the-people-upstairs", "team=payments"]).unwrap();
    wait_for_default_account(admin, namespace);
    let outside = changed(deployment(namespace, "old"), |it| {
        it["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    let open = peer_authentication(namespace, "default", &json!({ "mtls": { "mode": "PERMISSIVE" } }));
    admin.apply(&list([outside, open]).to_string()).unwrap();
    until(|| {
        let pods = admin.ok(&["get", "pods", "-n", namespace, "-o", "name"]).unwrap();
        pods.lines().count() == 1
    });
}

fn policies(kubectl: &Kubectl, namespace: &str) -> String {
    kubectl.ok(&["get", "networkpolicies,authorizationpolicies", "-n", namespace, "-o", "name"]).unwrap()
}

/// Creates an older namespace, and makes it one of a new observed tenant.
fn adopted(admin: &Kubectl, name: &str) -> String {
    let namespace = format!("legacy-{name}");
    older(admin, &namespace);
    observed(admin, name);
    until(|| {
        let label = format!("bulkhead.dev/tenant={name}");
        let said = admin.run(&["label", "namespace", &namespace, &label]).unwrap();
        said.success
    });
    namespace
}

/// The word of 16 hexadecimal digits in a text.
fn digest(text: &str) -> Option<&str> {
    let is_hex = |letter: char| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.find(|word| word.len() == 16 && word.chars().all(is_hex))
}

fn enforcement(admin: &Kubectl, tenant: &str) -> String {
    jsonpath(admin, &["tenant", tenant], "{.spec.enforcement}")
}

#[test]
fn observed_tenant_gets_warnings_and_no_baseline() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-watch");
    let member = it.cluster.powerful("ad-watch-alice", "ad-watch-developers").unwrap();

    let bare = pod(&name).to_string();
    let said = until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &bare).unwrap();
        (!warnings(&said.stderr).is_empty()).then_some(said)
    });
    expect_warned(&said, &[("BH301", "spec")]);
    // The tenant may change its own policy although it has the name of a baseline object.
    member.ok(&["annotate", "peerauthentication", "default", "-n", &name, "mine=yes"]).unwrap();

    // The tenant may join the mesh before it is enforced.
    member.ok(&["label", "namespace", &name, "istio-injection=enabled", "--dry-run=server"]).unwrap();
    // The rules on namespaces and identities refuse even so.
    let disable = ["label", "namespace", &name, "istio-injection=disabled"];
    refused(&member, &disable, "", &[("BH103", "metadata.labels[istio-injection]")]);
    let token = ["create", "token", "default", "-n", &name, "--audience=istio-ca"];
    refused(&member, &token, "", &[("BH403", "spec.audiences[0]")]);

    // A new namespace gets the label of its tenant and no other, and keeps its own `tenant` label.
    let new = "tenant-ad-watch-new";
    let manifest = labelled_namespace(new, &json!({ "tenant": "the-people-upstairs" }));
    member.feed(&["create", "-f", "-"], &manifest.to_string()).unwrap();
    assert_eq!(
        namespace_labels(&admin, new),
        json!({ "bulkhead.dev/tenant": "ad-watch", "tenant": "the-people-upstairs" })
    );

    // Once a later tenant has its baseline, this one would have its own if it were to get one.
    new_tenant(&it, "ad-later");
    new_namespace(&it.cluster.powerful("ad-later-alice", "ad-later-developers").unwrap(), "ad-later");
    assert_eq!(policies(&admin, &name), "");
    assert_eq!(policies(&admin, new), "");
    let shown = namespace_labels(&admin, &name);
    assert_eq!(
        (&shown["istio-injection"], &shown["tenant"]),
        (&Value::Null, &json!("the-people-upstairs")),
        "{shown}"
    );
    let columns = admin.ok(&["get", "tenant", "ad-watch"]).unwrap();
    assert!(columns.contains("Observe"), "{columns}");
}

#[test]
fn audit_of_an_observed_tenant_lists_what_enforcement_would_refuse() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-audit");
    let (code, said) = until(|| {
        let found = bulkhead_as(&admin, &["audit", "--tenant", "ad-audit"]);
        found.1.stdout.contains("Pod").then_some(found)
    });
    assert_eq!(code, 1, "{said:?}");
    let pod = jsonpath(&admin, &["pods", "-n", &name], "{.items[0].metadata.name}");
    let pod = format!("Pod {name}/{pod}");
    let [namespace, deployment, mtls] = [
        format!("Namespace {name}"),
        format!("Deployment {name}/old"),
        format!("PeerAuthentication {name}/default"),
    ];
    // The ReplicaSet is missing: the Deployment is judged instead.
    assert_eq!(
        reported(&said.stdout),
        [
            (namespace.as_str(), "BH202", "metadata.labels[tenant]"),
            (pod.as_str(), "BH301", "spec"),
            (pod.as_str(), "BH302", LABEL),
            (deployment.as_str(), "BH302", "spec.template.metadata.labels[sidecar.istio.io/inject]"),
            (mtls.as_str(), "BH202", "metadata.labels"),
            (mtls.as_str(), "BH202", "spec.mtls.mode"),
        ],
        "{said:?}"
    );

    let (code, said) = bulkhead_as(&admin, &["audit", "-n", &name, "-o", "json", "--context", "test"]);
    assert_eq!(code, 1, "{said:?}");
    let findings: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    let pod = findings.iter().find(|finding| finding["kind"] == "Pod").unwrap();
    assert_eq!((&pod["code"], &pod["pointer"]), (&json!("BH301"), &json!("/spec")));

    for (arguments, names) in [
        (["audit", "--tenant=nobody"], "`nobody`"),
        (["audit", "-n=kube-system"], "`kube-system`"),
        (["audit", "--context=nowhere"], "nowhere"),
        (["enforce", "nobody"], "`nobody`"),
    ] {
        let (code, said) = bulkhead_as(&admin, &arguments);
        assert!(code == 2 && said.stderr.contains(names), "{arguments:?}: {said:?}");
    }

    // A namespace that is younger than Bulkhead is clean, but not for a user who may not read it.
    let member = new_tenant(&it, "ad-clean");
    let clean = new_namespace(&member, "ad-clean");
    let (code, said) = bulkhead_as(&admin, &["audit", "-n", &clean]);
    assert_eq!((code, said.stdout.as_str()), (0, ""), "{said:?}");
    let webhook = it.cluster.service_account("bulkhead-system", "bulkhead").unwrap();
    let (code, said) = bulkhead_as(&webhook, &["audit", "-n", &clean, "-o", "json"]);
    let findings: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    assert!(code == 3 && findings.iter().any(|finding| finding["unjudged"].is_string()), "{said:?}");
}

#[test]
fn audit_of_an_incomplete_baseline_lists_the_missing_objects() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "ad-drift");
    let name = new_namespace(&member, "ad-drift");
    let (code, said) = bulkhead_as(&admin, &["audit", "-n", &name]);
    assert_eq!((code, said.stdout.as_str()), (0, ""), "{said:?}");
    let release = new_unready_namespace(&admin, "legacy-ad-drift", "ad-drift");
    let (code, said) = until(|| {
        let found = bulkhead_as(&admin, &["audit", "-n", "legacy-ad-drift"]);
        (found.1.stdout.lines().count() == 1).then_some(found)
    });
    assert_eq!(code, 1, "{said:?}");
    // The controller applies it last.
    let expected = [("RoleBinding legacy-ad-drift/tenant-owners", "BH201", "metadata.name")];
    assert_eq!(reported(&said.stdout), expected);
    release();
    wait_until_ready(&admin, "legacy-ad-drift");
}

#[test]
fn observed_tenant_is_enforced_once_its_findings_are_acknowledged() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-turn");
    let enforce = r#"{"spec":{"enforcement":"Enforce"}}"#;
    let patched =
        |patch: &str| admin.run(&["patch", "tenant", "ad-turn", "--type=merge", "-p", patch]).unwrap();
    let expected = until(|| {
        let digest = jsonpath(&admin, &["tenant", "ad-turn"], "{.status.audit.digest}");
        (!digest.is_empty()).then_some(digest)
    });
    let said = patched(enforce);
    expect_refused(&said, &[("BH109", "spec.enforcement")]);
    assert!(said.stderr.contains(&expected), "{expected} {said:?}");
    let said = patched(r#"{"spec":{"enforcement":"Enforce","acknowledgedFindings":"0000"}}"#);
    expect_refused(&said, &[("BH109", "spec.enforcement")]);

    // Without a confirmation nothing changes.
    let (code, said) = bulkhead_as(&admin, &["enforce", "ad-turn"]);
    assert_eq!((code, digest(&said.stderr)), (1, Some(expected.as_str())), "{said:?}");
    assert_eq!(enforcement(&admin, "ad-turn"), "Observe");

    // The pods of one workload are one finding: a restart does not change the digest.
    let pods = || admin.ok(&["get", "pods", "-n", &name, "-o", "name"]).unwrap();
    let before = pods();
    admin.ok(&["delete", "pods", "--all", "-n", &name, "--now", "--wait=false"]).unwrap();
    until(|| !pods().is_empty() && pods() != before);
    let (_, said) = bulkhead_as(&admin, &["enforce", "ad-turn"]);
    assert_eq!(digest(&said.stderr), Some(expected.as_str()), "{said:?}");

    // From Git: one apply with the digest.
    let acknowledged =
        format!(r#"{{"spec":{{"enforcement":"Enforce","acknowledgedFindings":"{expected}"}}}}"#);
    let dry = ["patch", "tenant", "ad-turn", "--type=merge", "--dry-run=server", "-p", &acknowledged];
    admin.ok(&dry).unwrap();
    let (code, said) = bulkhead_as(&admin, &["enforce", "ad-turn", "--yes"]);
    assert_eq!((code, enforcement(&admin, "ad-turn").as_str()), (0, "Enforce"), "{said:?}");

    // The baseline replaces objects that have its names; the `tenant` label keeps its other meaning.
    wait_until_ready(&admin, &name);
    let mode = ["get", "peerauthentication", "default", "-n", &name, "-o", "jsonpath={.spec.mtls.mode}"];
    assert_eq!(admin.ok(&mode).unwrap(), "STRICT");
    let shown = namespace_labels(&admin, &name);
    assert_eq!(
        (&shown["istio-injection"], &shown["tenant"]),
        (&json!("enabled"), &json!("the-people-upstairs")),
        "{shown}"
    );

    // Running pods keep running and can be scaled down; new ones are refused.
    assert_eq!(pods().lines().count(), 1);
    let member = it.cluster.powerful("ad-turn-alice", "ad-turn-developers").unwrap();
    let outside = changed(pod(&name), |pod| {
        pod["metadata"]["name"] = json!("late");
        pod["metadata"]["labels"] = json!({ "sidecar.istio.io/inject": "false" });
    });
    let said = until(|| {
        let said = member.feed(&["create", "-f", "-"], &outside.to_string()).unwrap();
        (!said.success).then_some(said)
    });
    expect_refused(&said, &[("BH301", "spec"), ("BH302", LABEL)]);
    member.ok(&["scale", "deployment", "old", "--replicas=0", "-n", &name]).unwrap();
    until(|| pods().is_empty());
    // A tenant that is enforced already is not audited again.
    let (code, said) = bulkhead_as(&admin, &["enforce", "ad-turn"]);
    assert_eq!((code, said.stdout.as_str(), digest(&said.stderr)), (0, "", None), "{said:?}");

    // Back to `Observe`: the controller removes the baseline, also the objects that replaced others.
    admin
        .ok(&["patch", "tenant", "ad-turn", "--type=merge", "-p", r#"{"spec":{"enforcement":"Observe"}}"#])
        .unwrap();
    let managed = || {
        let kinds = format!("{BASELINE_KINDS},clusterrolebindings,clusterroles");
        let all = ["get", &kinds, "-A", "-l", "app.kubernetes.io/managed-by=bulkhead", "-o", "json"];
        let list: Value = serde_json::from_str(&admin.ok(&all).unwrap()).unwrap();
        let is_here = |item: &&Value| {
            item["metadata"]["namespace"] == name.as_str()
                || item["metadata"]["name"].as_str().is_some_and(|object| object.ends_with("-ad-turn"))
        };
        list["items"].as_array().unwrap().iter().filter(is_here).count()
    };
    until(|| managed() == 0);
    let path = "jsonpath={.status.conditions[?(@.type=='bulkhead.dev/BaselineReady')].status}";
    until(|| admin.ok(&["get", "namespace", &name, "-o", path]).unwrap() == "False");
    until(|| member.feed(&["create", "--dry-run=server", "-f", "-"], &outside.to_string()).unwrap().success);
}

/// An owner reference that the author wrote does not exempt an object from the audit.
#[test]
fn object_with_a_forged_owner_is_audited() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-hide");
    let owner = json!([{ "apiVersion": "x.example.com/v1", "kind": "Deployment", "name": "old", "uid": "x", "controller": true }]);
    let spec = json!({ "hosts": ["logs"], "http": [{
        "headers": { "request": { "set": { "x-tenant-identity": "other" } } },
        "route": [{ "destination": { "host": "logs" } }],
    }] });
    let route = objects::object("networking.istio.io/v1", "VirtualService", &name, "hidden", &spec);
    let naked = changed(pod(&name), |pod| pod["metadata"]["name"] = json!("naked"));
    let objects = [route, naked]
        .map(|object| changed(object, |object| object["metadata"]["ownerReferences"] = owner.clone()));
    admin.apply(&list(objects).to_string()).unwrap();
    let (_, said) = until(|| {
        let found = bulkhead_as(&admin, &["enforce", "ad-hide"]);
        found.1.stdout.contains("hidden").then_some(found)
    });
    let violations_of = |said: &Said, object: &str| {
        let object = object.replace("NAMESPACE", &name);
        let found = reported(&said.stdout).into_iter().filter(|(own, ..)| *own == object);
        found.map(|(_, code, path)| format!("{code} {path}")).collect::<Vec<_>>()
    };
    let header = "BH605 spec.http[0].headers.request.set[x-tenant-identity]";
    assert_eq!(violations_of(&said, "VirtualService NAMESPACE/hidden"), [header], "{said:?}");
    assert_eq!(violations_of(&said, "Pod NAMESPACE/naked"), ["BH301 spec"], "{said:?}");
    admin.ok(&["delete", "pod", "naked", "-n", &name, "--now"]).unwrap();
    let (_, without) = bulkhead_as(&admin, &["enforce", "ad-hide"]);
    assert!(digest(&said.stderr).is_some(), "{said:?}");
    assert_ne!(
        digest(&said.stderr),
        digest(&without.stderr),
        "a pod with another owner is a further finding"
    );
}
