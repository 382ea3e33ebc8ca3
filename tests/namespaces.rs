//! Whose a namespace is, through the real API server.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use crate::baseline::{KINDS, pod};
use crate::cluster::{is_ready, namespace, shared, tenant, until};

fn labels(kubectl: &Kubectl, name: &str) -> Value {
    let shown = kubectl.ok(&["get", "namespace", name, "-o", "json"]).unwrap();
    let mut labels = serde_json::from_str::<Value>(&shown).unwrap()["metadata"]["labels"].clone();
    labels.as_object_mut().unwrap().remove("kubernetes.io/metadata.name");
    labels
}

pub(crate) fn labelled(name: &str, labels: &Value) -> String {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
        .to_string()
}

#[test]
fn a_members_new_namespace_is_labelled_by_who_creates_it() {
    let it = shared();
    let member = tenant(&it, "ns-new");
    let expected =
        json!({ "bulkhead.dev/tenant": "ns-new", "tenant": "ns-new", "istio-injection": "enabled" });

    member.ok(&["create", "namespace", "tenant-ns-new"]).unwrap();
    assert_eq!(labels(&member, "tenant-ns-new"), expected);

    member.apply(&labelled("tenant-ns-new-applied", &json!({ "team": "payments" }))).unwrap();
    let mut with_team = expected.clone();
    with_team["team"] = json!("payments");
    assert_eq!(labels(&member, "tenant-ns-new-applied"), with_team);

    let generated =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": "tenant-ns-new-" } });
    let name = member.feed(&["create", "-o", "name", "-f", "-"], &generated.to_string()).unwrap().stdout;
    assert_eq!(labels(&member, name.trim().trim_start_matches("namespace/")), expected);
}

#[test]
fn a_member_of_two_tenants_names_one() {
    let it = shared();
    tenant(&it, "ns-two-left");
    tenant(&it, "ns-two-right");
    let both = it.cluster.user("ns-two", &["ns-two-left-developers", "ns-two-right-developers"]).unwrap();
    let said = both.run(&["create", "namespace", "ns-two-playground"]).unwrap();
    assert_eq!(
        said.stderr,
        "Error from server (Forbidden): admission webhook \"namespaces.bulkhead.dev\" denied the request: \n\
         BH101 metadata.labels[bulkhead.dev/tenant]: nothing says which tenant this namespace is for; write one of \
         the tenants you act for: `ns-two-left`, `ns-two-right`\n(see: bulkhead explain BH101)\n"
    );
    both.ok(&["create", "namespace", "tenant-ns-two-right"]).unwrap();
    assert_eq!(labels(&both, "tenant-ns-two-right")["bulkhead.dev/tenant"], "ns-two-right");
    both.apply(&labelled("tenant-ns-two-left-playground", &json!({ "bulkhead.dev/tenant": "ns-two-left" })))
        .unwrap();
    assert_eq!(labels(&both, "tenant-ns-two-left-playground")["tenant"], "ns-two-left");
}

#[test]
fn a_forged_label_is_refused() {
    let it = shared();
    let member = tenant(&it, "ns-forged");
    tenant(&it, "ns-victim");
    let stranger = it.cluster.powerful("ns-forged-mallory", "strangers").unwrap();

    let forged = labelled("tenant-ns-forged", &json!({ "bulkhead.dev/tenant": "ns-victim" }));
    let refusal = |fix: &str| {
        format!(
            "Error from server (Forbidden): error when creating \"STDIN\": admission webhook \
             \"namespaces.bulkhead.dev\" denied the request: \n\
             BH102 metadata.labels[bulkhead.dev/tenant]: you do not act for a tenant `ns-victim`; {fix}\n\
             (see: bulkhead explain BH102)\n"
        )
    };
    let said = member.feed(&["create", "-f", "-"], &forged).unwrap();
    assert_eq!(said.stderr, refusal("write a tenant you act for: `ns-forged`"));
    let elsewhere = labelled("ns-forged-elsewhere", &json!({ "bulkhead.dev/tenant": "ns-victim" }));
    let said = stranger.feed(&["create", "-f", "-"], &elsewhere).unwrap();
    assert_eq!(said.stderr, refusal("remove the label, or ask the platform for a tenant"));

    let plain = labelled("ns-forged-plain", &json!({ "tenant": "ns-victim" }));
    let said = stranger.feed(&["create", "-f", "-"], &plain).unwrap();
    assert!(said.stderr.contains("BH102 metadata.labels[tenant]"), "{said:?}");
    let own = labelled("ns-forged-own-meaning", &json!({ "tenant": "the-people-upstairs" }));
    stranger.apply(&own).unwrap();
}

/// The API server lets labels change through three doors.
#[test]
fn a_namespace_keeps_its_tenant_through_every_door() {
    let it = shared();
    let member = tenant(&it, "ns-doors");
    tenant(&it, "ns-robbed");
    let name = "tenant-ns-doors";
    member.ok(&["create", "namespace", name]).unwrap();
    let stored: Value =
        serde_json::from_str(&member.ok(&["get", "namespace", name, "-o", "json"]).unwrap()).unwrap();
    let moved = |labels: Value| {
        let mut namespace = stored.clone();
        namespace["metadata"]["labels"] = labels;
        namespace["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        namespace.to_string()
    };

    for door in ["", "/status", "/finalize"] {
        let path = format!("/api/v1/namespaces/{name}{door}");
        let stolen = moved(json!({ "bulkhead.dev/tenant": "ns-robbed", "tenant": "ns-doors" }));
        let said = member.feed(&["replace", "--raw", &path, "-f", "-"], &stolen).unwrap();
        assert!(!said.success && said.stderr.contains("BH102"), "{door}: {said:?}");
    }
    for door in ["/status", "/finalize"] {
        let path = format!("/api/v1/namespaces/{name}{door}");
        let said = member.feed(&["replace", "--raw", &path, "-f", "-"], &moved(json!({}))).unwrap();
        assert!(!said.success && said.stderr.contains("BH102"), "{door}: {said:?}");
    }
    for patch in [
        ("merge", r#"{"metadata":{"labels":{"bulkhead.dev/tenant":"ns-robbed"}}}"#),
        ("strategic", r#"{"metadata":{"labels":{"bulkhead.dev/tenant":"ns-robbed"}}}"#),
        ("json", r#"[{"op":"replace","path":"/metadata/labels/bulkhead.dev~1tenant","value":"ns-robbed"}]"#),
    ] {
        let said = member.run(&["patch", "namespace", name, "--type", patch.0, "-p", patch.1]).unwrap();
        assert!(!said.success && said.stderr.contains("BH102"), "{patch:?}: {said:?}");
    }
    assert_eq!(labels(&member, name)["bulkhead.dev/tenant"], "ns-doors");
}

/// Nor does a label make a namespace of the platform anybody's.
#[test]
fn a_namespace_of_the_platform_is_not_claimed() {
    let it = shared();
    let member = tenant(&it, "ns-claim");
    let stranger = it.cluster.powerful("ns-claim-mallory", "strangers").unwrap();
    let admin = it.cluster.admin().unwrap();
    admin.apply(&labelled("monitoring", &json!({}))).unwrap();
    let refused = |kubectl: &Kubectl, name: &str, label: &str, says: &str| {
        let said = kubectl.run(&["label", "namespace", name, label]).unwrap();
        assert!(!said.success && said.stderr.contains(says), "{name} {label}: {said:?}");
    };
    for kubectl in [&member, &stranger] {
        for name in ["kube-system", "monitoring"] {
            let says =
                "BH102 metadata.labels[bulkhead.dev/tenant]: only the platform moves a namespace to a tenant";
            refused(kubectl, name, "bulkhead.dev/tenant=ns-claim", says);
        }
        // What tenants call is guarded as they are.
        let says =
            "BH103 metadata.labels[istio-injection]: `disabled` here is the platform's to say; remove it";
        refused(kubectl, "monitoring", "istio-injection=disabled", says);
    }
    admin.ok(&["label", "namespace", "monitoring", "istio-injection=disabled", "--dry-run=server"]).unwrap();
}

#[test]
fn a_replace_that_forgot_the_labels_gets_them_back() {
    let it = shared();
    let member = tenant(&it, "ns-replace");
    let name = "tenant-ns-replace";
    member.ok(&["create", "namespace", name]).unwrap();
    let said = member.feed(&["replace", "-f", "-"], &labelled(name, &json!({ "team": "payments" }))).unwrap();
    assert!(said.success, "{said:?}");
    assert!(
        said.stderr.contains("Warning: metadata.labels[bulkhead.dev/tenant]: `ns-replace` was put back"),
        "{said:?}"
    );
    let kept = json!({
        "bulkhead.dev/tenant": "ns-replace", "tenant": "ns-replace", "istio-injection": "enabled", "team": "payments",
    });
    assert_eq!(labels(&member, name), kept);

    // One of them alone comes back too.
    member
        .feed(&["replace", "-f", "-"], &labelled(name, &json!({ "bulkhead.dev/tenant": "ns-replace" })))
        .unwrap();
    assert_eq!(labels(&member, name)["tenant"], "ns-replace");
    member.ok(&["label", "namespace", name, "istio-injection-"]).unwrap();
    assert_eq!(labels(&member, name)["istio-injection"], "enabled");
}

#[test]
fn the_platform_moves_namespaces_and_deletes_them() {
    let it = shared();
    let member = tenant(&it, "ns-moved");
    tenant(&it, "ns-heir");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-moved";
    member.ok(&["create", "namespace", name]).unwrap();
    admin
        .ok(&["label", "namespace", name, "--overwrite", "bulkhead.dev/tenant=ns-heir", "tenant=ns-heir"])
        .unwrap();
    assert_eq!(labels(&admin, name)["bulkhead.dev/tenant"], "ns-heir");
    admin.ok(&["label", "namespace", name, "bulkhead.dev/tenant-"]).unwrap();
    assert_eq!(labels(&admin, name)["bulkhead.dev/tenant"], Value::Null);
    admin.ok(&["label", "namespace", name, "bulkhead.dev/tenant=ns-moved"]).unwrap();
    admin.ok(&["delete", "namespace", name, "--timeout=60s"]).unwrap();
    until(|| (!admin.run(&["get", "namespace", name]).unwrap().success).then_some(()));
}

#[test]
fn a_tenants_namespaces_bear_its_name_and_nobody_elses_do() {
    let it = shared();
    let member = tenant(&it, "ns-named");
    tenant(&it, "ns-named2");
    let stranger = it.cluster.powerful("ns-named-mallory", "strangers").unwrap();
    let says = |kubectl: &Kubectl, name: &str, says: &str| {
        let said = kubectl.run(&["create", "namespace", name]).unwrap();
        assert!(said.stderr.contains(&format!("BH104 metadata.name: `{name}` {says}")), "{name}: {said:?}");
    };
    let fix = "is not named as one of tenant ns-named; write `tenant-ns-named` or `tenant-ns-named-…`";
    for name in ["com", "tenant-ns-named2", "tenant-ns-named2-a", "tenant-ns-name", "ns-named"] {
        says(&member, name, fix);
    }
    says(&stranger, "tenant-ns-named-a", "is named as one of tenant ns-named; choose another name");
    says(&stranger, "istio-ingress", "is reserved for the platform; choose another name");
    let generated = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": "com" } });
    let said = member.feed(&["create", "-f", "-"], &generated.to_string()).unwrap();
    assert!(said.stderr.contains("BH104 metadata.name: `com"), "{said:?}");
    stranger.ok(&["create", "namespace", "ns-named-elsewhere"]).unwrap();
    // The API server itself keeps this label true, whatever is written there.
    member
        .apply(&labelled("tenant-ns-named", &json!({ "kubernetes.io/metadata.name": "kube-system" })))
        .unwrap();
    let shown = member.ok(&["get", "namespace", "tenant-ns-named", "-o", "json"]).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["metadata"]["labels"]["kubernetes.io/metadata.name"], "tenant-ns-named");
}

/// It does not matter whether it is there: the refusal comes before anybody could find out.
#[test]
fn a_name_of_the_platform_is_not_to_be_had() {
    let it = shared();
    let member = tenant(&it, "ns-reserved");
    let said = member.run(&["create", "namespace", "kube-public"]).unwrap();
    assert!(
        said.stderr.contains("BH104 metadata.name: `kube-public` is reserved for the platform"),
        "{said:?}"
    );
}

/// A tenant's own deployer acts for the tenant whose namespace it lives in.
#[test]
fn a_service_account_acts_for_its_namespaces_tenant() {
    let it = shared();
    let member = tenant(&it, "ns-account");
    member.ok(&["create", "namespace", "tenant-ns-account"]).unwrap();
    let deployer =
        ["--as=system:serviceaccount:tenant-ns-account:deployer", "--as-group=ns-account-developers-rbac"];
    it.cluster.powerful("unused", "ns-account-developers-rbac").unwrap();
    let admin = it.cluster.admin().unwrap();
    until(|| {
        let create = [
            &["create", "namespace", "tenant-ns-account-free", "--dry-run=server", "-o", "json"],
            &deployer[..],
        ];
        let said = admin.run(&create.concat()).unwrap();
        said.stdout.contains("\"bulkhead.dev/tenant\": \"ns-account\"").then_some(())
    });
}

/// Either label says that Istio injects; both together would contradict each other.
#[test]
fn a_namespace_of_a_revision_gets_no_other_mesh_label() {
    let it = shared();
    tenant(&it, "ns-revision");
    let admin = it.cluster.admin().unwrap();
    let canary = json!({ "istio.io/rev": "canary", "bulkhead.dev/tenant": "ns-revision" });
    admin.apply(&labelled("tenant-ns-revision", &canary)).unwrap();
    assert_eq!(labels(&admin, "tenant-ns-revision")["istio-injection"], Value::Null);
}

/// Which revision of the mesh injects a namespace is not for its tenant to say, nor to forget.
#[test]
fn a_revision_that_the_platform_chose_stays() {
    let it = shared();
    let member = tenant(&it, "ns-canary");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-canary";
    member.ok(&["create", "namespace", name]).unwrap();
    admin.ok(&["label", "namespace", name, "istio-injection-", "istio.io/rev=canary"]).unwrap();
    let chosen =
        json!({ "bulkhead.dev/tenant": "ns-canary", "tenant": "ns-canary", "istio.io/rev": "canary" });
    assert_eq!(labels(&admin, name), chosen);

    let beside = "BH103 metadata.labels[istio-injection]: `enabled` here is the platform's to say; remove it";
    let said = member.run(&["label", "namespace", name, "istio-injection=enabled"]).unwrap();
    assert!(!said.success && said.stderr.contains(beside), "{said:?}");
    let instead = labelled(name, &json!({ "istio-injection": "enabled" }));
    let said = member.feed(&["replace", "-f", "-"], &instead).unwrap();
    let gone = "BH103 metadata.labels[istio.io/rev]: it is the platform's to remove; keep `canary`";
    assert!(said.stderr.contains(beside) && said.stderr.contains(gone), "{said:?}");

    let said = member.feed(&["replace", "-f", "-"], &labelled(name, &json!({}))).unwrap();
    assert!(said.success, "{said:?}");
    assert!(
        said.stderr.contains("Warning: metadata.labels[istio.io/rev]: `canary` was put back"),
        "{said:?}"
    );
    assert_eq!(labels(&admin, name), chosen);
}

/// Beside what everybody obeys, the settings list what is obeyed here.
#[test]
fn a_key_that_the_settings_protect_is_the_platforms() {
    let it = shared();
    let member = tenant(&it, "ns-cost");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-cost";
    member.ok(&["create", "namespace", name]).unwrap();
    let refused = |verb: &str, entry: &[&str], says: &str| {
        let said = member.run(&[&[verb, "namespace", name], entry].concat()).unwrap();
        assert!(!said.success && said.stderr.contains(says), "{verb} {entry:?}: {said:?}");
    };
    let says = "BH103 metadata.labels[cost-center]: `7` here is the platform's to say; remove it";
    refused("label", &["cost-center=7"], says);
    let says = "BH103 metadata.annotations[cost-center]: `7` here is the platform's to say; remove it";
    refused("annotate", &["cost-center=7"], says);

    admin.ok(&["label", "namespace", name, "cost-center=42"]).unwrap();
    let says = "BH103 metadata.labels[cost-center]: `7` here is the platform's to say; keep `42`";
    refused("label", &["cost-center=7", "--overwrite"], says);
    let says = "BH103 metadata.labels[cost-center]: it is the platform's to remove; keep `42`";
    refused("label", &["cost-center-"], says);
    assert_eq!(labels(&member, name)["cost-center"], "42");
}

/// The switches on a namespace that the mesh, the scheduler and other webhooks obey.
#[test]
fn a_member_does_not_turn_the_switches_of_a_namespace() {
    let it = shared();
    let member = tenant(&it, "ns-switch");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-switch";
    let keys = [
        ("labels", "istio-injection", "disabled"),
        ("labels", "istio.io/rev", "nobody"),
        ("labels", "istio.io/dataplane-mode", "none"),
        ("labels", "topology.istio.io/network", "elsewhere"),
        ("labels", "pod-security.kubernetes.io/enforce", "privileged"),
        ("labels", "control-plane", "true"),
        ("labels", "kubernetes.azure.com/managedby", "aks"),
        ("labels", "admission.gatekeeper.sh/ignore", "yes"),
        ("labels", "name", "tenant-ns-other"),
        ("annotations", "scheduler.alpha.kubernetes.io/node-selector", "disk=fast"),
        ("annotations", "cni.projectcalico.org/ipv4pools", "[]"),
        ("annotations", "bulkhead.dev/anything", "yes"),
    ];
    for (map, key, value) in keys {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, map: { key: value } } });
        let said = member.feed(&["create", "-f", "-"], &namespace.to_string()).unwrap();
        assert!(said.stderr.contains(&format!("BH103 metadata.{map}[{key}]: `{value}`")), "{key}: {said:?}");
    }
    member.ok(&["create", "namespace", name]).unwrap();
    let stored: Value =
        serde_json::from_str(&member.ok(&["get", "namespace", name, "-o", "json"]).unwrap()).unwrap();
    for (map, key, value) in keys {
        for door in ["", "/status", "/finalize"] {
            let mut turned = stored.clone();
            turned["metadata"][map][key] = json!(value);
            turned["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            let path = format!("/api/v1/namespaces/{name}{door}");
            let said = member.feed(&["replace", "--raw", &path, "-f", "-"], &turned.to_string()).unwrap();
            assert!(
                said.stderr.contains(&format!("BH103 metadata.{map}[{key}]: `{value}`")),
                "{door} {key}: {said:?}"
            );
        }
    }
    let said = member.run(&["label", "namespace", name, "istio-injection=disabled", "--overwrite"]).unwrap();
    assert_eq!(
        said.stderr,
        "Error from server (Forbidden): admission webhook \"namespaces.bulkhead.dev\" denied the request: \n\
         BH103 metadata.labels[istio-injection]: `disabled` here is the platform's to say; keep `enabled`\n\
         (see: bulkhead explain BH103)\n"
    );

    member.ok(&["label", "namespace", name, "team=payments", &format!("name={name}")]).unwrap();
    member.ok(&["annotate", "namespace", name, "example.com/pager=on"]).unwrap();
    admin.ok(&["label", "namespace", name, "pod-security.kubernetes.io/warn=baseline"]).unwrap();
    let said = member.run(&["label", "namespace", name, "pod-security.kubernetes.io/warn-"]).unwrap();
    assert!(said.stderr.contains("it is the platform's to remove; keep `baseline`"), "{said:?}");
}

/// A creator cannot bring the condition along, and nobody but the controller can set it later.
#[test]
fn nobody_says_that_a_baseline_stands_but_the_controller() {
    let it = shared();
    let member = tenant(&it, "ns-stands");
    let name = namespace(&member, "ns-stands");
    let admin = it.cluster.admin().unwrap();
    for (kubectl, status) in [(&member, "False"), (&admin, "False"), (&member, "Unknown")] {
        let condition = json!({ "status": { "conditions": [{ "type": "bulkhead.dev/BaselineReady", "status": status }] } });
        let arguments = ["patch", "namespace", &name, "--subresource=status", "-p", &condition.to_string()];
        let said = kubectl.run(&arguments).unwrap();
        let says = "BH103 status.conditions[0].type: whether `bulkhead.dev/BaselineReady` is Bulkhead's to say; leave it as it was";
        assert!(said.stderr.contains(says), "{said:?}");
    }
    let none = r#"[{"op":"remove","path":"/status/conditions"}]"#;
    let said = member
        .run(&["patch", "namespace", &name, "--subresource=status", "--type=json", "-p", none])
        .unwrap();
    assert!(said.stderr.contains("BH103 status.conditions: "), "{said:?}");
    let other = r#"{"status":{"conditions":[{"type":"example.com/Backup","status":"True"}]}}"#;
    member.ok(&["patch", "namespace", &name, "--subresource=status", "-p", other]).unwrap();

    let mut brought = serde_json::from_str::<Value>(&labelled("tenant-ns-stands-new", &json!({}))).unwrap();
    brought["status"] = json!({ "conditions": [{ "type": "bulkhead.dev/BaselineReady", "status": "True" }] });
    let created =
        member.feed(&["create", "-o", "json", "--dry-run=server", "-f", "-"], &brought.to_string()).unwrap();
    let created: Value = serde_json::from_str(&created.stdout).unwrap();
    assert_eq!(created["status"], json!({ "phase": "Active" }));
}

/// What the garbage collector would follow, and what would keep the namespace from ending or end it too early.
#[test]
fn nothing_hangs_on_a_namespace_that_the_platform_did_not_attach() {
    let it = shared();
    let member = tenant(&it, "ns-attach");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-attach";
    member.ok(&["create", "namespace", name]).unwrap();
    let owner =
        r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"a","uid":"b"}]}}"#;
    let finalizer = r#"{"metadata":{"finalizers":["example.com/a","example.com/b"]}}"#;
    for (patch, field) in [(owner, "metadata.ownerReferences[0]"), (finalizer, "metadata.finalizers[0]")] {
        for door in [&[][..], &["--subresource=status"]] {
            let said = member
                .run(&[&["patch", "namespace", name, "--type=merge", "-p", patch], door].concat())
                .unwrap();
            assert!(said.stderr.contains(&format!("BH105 {field}")), "{said:?}");
        }
    }
    let mut hollow: Value =
        serde_json::from_str(&member.ok(&["get", "namespace", name, "-o", "json"]).unwrap()).unwrap();
    hollow["spec"]["finalizers"] = json!([]);
    let path = format!("/api/v1/namespaces/{name}/finalize");
    let said = member.feed(&["replace", "--raw", &path, "-f", "-"], &hollow.to_string()).unwrap();
    assert!(said.stderr.contains("BH105 spec.finalizers: "), "{said:?}");

    let brought = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "tenant-ns-attach-more" },
        "spec": { "finalizers": ["example.com/never"] },
    });
    let said = member.feed(&["create", "-f", "-"], &brought.to_string()).unwrap();
    assert!(
        said.stderr.contains("BH105 spec.finalizers[0]: nothing of Kubernetes answers `example.com/never`"),
        "{said:?}"
    );

    admin.ok(&["patch", "namespace", name, "--type=merge", "-p", finalizer]).unwrap();
    let fewer = r#"{"metadata":{"finalizers":["example.com/b"]}}"#;
    member.ok(&["patch", "namespace", name, "--type=merge", "-p", fewer]).unwrap();
    member.ok(&["delete", "namespace", name, "--wait=false"]).unwrap();
    member
        .ok(&["patch", "namespace", name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#])
        .unwrap();
    member.ok(&["wait", "--for=delete", "namespace", name, "--timeout=60s"]).unwrap();
}

/// Of a namespace that ends the pods go first (Kubernetes 1.33 or newer): until the last has gone, its walls stand.
#[test]
fn a_namespace_that_ends_keeps_its_baseline_while_a_pod_is_left() {
    let it = shared();
    let member = tenant(&it, "ns-ending");
    let name = namespace(&member, "ns-ending");
    let admin = it.cluster.admin().unwrap();
    let mut held = pod(&name);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    member.apply(&held.to_string()).unwrap();
    let baseline = || {
        let managed = "app.kubernetes.io/managed-by=bulkhead";
        member.ok(&["get", KINDS, "-n", &name, "-l", managed, "-o", "name"]).unwrap()
    };
    let before = baseline();
    assert!(before.contains("networkpolicy.networking.k8s.io/default-deny-all\n"), "{before}");
    // Where all controllers share an account, it is the namespace controller's only while a namespace ends.
    let controllers = it.cluster.powerful("system:kube-controller-manager", "ns-controllers").unwrap();
    let emptying = ["delete", "networkpolicy", "default-deny-all", "-n", &name, "--dry-run=server"];
    let said = controllers.run(&emptying).unwrap();
    assert!(said.stderr.contains("BH201"), "{said:?}");

    member.ok(&["delete", "namespace", &name, "--wait=false"]).unwrap();
    // Who empties it has been there once.
    let been = "--for=condition=NamespaceDeletionContentFailure=False";
    member.ok(&["wait", been, &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
    let ending = "jsonpath={.metadata.deletionTimestamp}";
    assert_ne!(member.ok(&["get", "pod", "app", "-n", &name, "-o", ending]).unwrap(), "");
    assert_eq!(baseline(), before);
    for kubectl in [&member, &admin] {
        let said = kubectl.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
        assert!(!said.success && said.stderr.contains("BH201 metadata.name: "), "{said:?}");
    }
    controllers.ok(&emptying).unwrap();

    let release = r#"{"metadata":{"finalizers":null}}"#;
    member.ok(&["patch", "pod", "app", "-n", &name, "--type=merge", "-p", release]).unwrap();
    member.ok(&["wait", "--for=delete", &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
}

/// The API server gives up on a match condition that costs too much, and refuses: what costs is the tenant's.
#[test]
fn a_namespace_full_of_annotations_is_made_ready_and_ends() {
    let it = shared();
    let member = tenant(&it, "ns-padded");
    let name = "tenant-ns-padded";
    let padding: serde_json::Map<String, Value> =
        (0..2_000).map(|index| (format!("{index:0>63}"), json!("on"))).collect();
    let padded = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "annotations": padding } });
    member.feed(&["create", "-f", "-"], &padded.to_string()).unwrap();
    is_ready(&member, name);
    it.cluster
        .admin()
        .unwrap()
        .ok(&["label", "namespace", name, "pod-security.kubernetes.io/warn=baseline"])
        .unwrap();
    let said = member.run(&["label", "namespace", name, "istio-injection=disabled", "--overwrite"]).unwrap();
    assert!(said.stderr.contains("BH103"), "{said:?}");
    member.ok(&["delete", "namespace", name, "--timeout=60s"]).unwrap();
}

/// What stood for one tenant does not stand for the next.
#[test]
fn a_namespace_that_is_moved_is_made_ready_anew() {
    let it = shared();
    let name = namespace(&tenant(&it, "ns-first"), "ns-first");
    tenant(&it, "ns-second");
    let admin = it.cluster.admin().unwrap();
    let message = || {
        let path = "jsonpath={.status.conditions[?(@.type=='bulkhead.dev/BaselineReady')].message}";
        admin.ok(&["get", "namespace", &name, "-o", path]).unwrap()
    };
    assert_eq!(message(), "the baseline of tenant ns-first stands");
    let labels = ["bulkhead.dev/tenant=ns-second", "tenant=ns-second"];
    admin.ok(&[&["label", "namespace", &name, "--overwrite"][..], &labels].concat()).unwrap();
    until(|| (message() == "the baseline of tenant ns-second stands").then_some(()));

    // Nor is it to be had before the namespace is anybody's.
    let stranger = it.cluster.powerful("ns-first-mallory", "strangers").unwrap();
    stranger.ok(&["create", "namespace", "ns-first-elsewhere"]).unwrap();
    let forged = json!({ "status": { "conditions": [{
        "type": "bulkhead.dev/BaselineReady", "status": "True", "message": "the baseline of tenant ns-second stands",
    }] } });
    let patch =
        ["patch", "namespace", "ns-first-elsewhere", "--subresource=status", "-p", &forged.to_string()];
    let said = stranger.run(&patch).unwrap();
    assert!(said.stderr.contains("BH103 status.conditions[0].type"), "{said:?}");
}

/// Argo CD and Helm, under the account that a Tenant lists: what they write beside is theirs.
#[test]
fn a_deployers_namespace_is_its_tenants() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let owner = json!({ "kind": "ServiceAccount", "namespace": "ns-argocd", "name": "deployer" });
    let tenant = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "ns-deployed" },
        "spec": { "owners": [owner] },
    });
    admin.apply(&tenant.to_string()).unwrap();
    admin.ok(&["create", "namespace", "ns-argocd"]).unwrap();
    admin.ok(&["create", "serviceaccount", "deployer", "-n", "ns-argocd"]).unwrap();
    let right = "--serviceaccount=ns-argocd:deployer";
    admin.ok(&["create", "clusterrolebinding", "ns-argocd", "--clusterrole=cluster-admin", right]).unwrap();
    let deployer = it.cluster.service_account("ns-argocd", "deployer").unwrap();
    let manifest = |tool: &str, name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": name, "labels": { "app.kubernetes.io/managed-by": tool },
                "annotations": { "argocd.argoproj.io/tracking-id": "acme:/Namespace:/a", "meta.helm.sh/release-name": "a" },
            },
        })
        .to_string()
    };
    until(|| deployer.apply(&manifest("argocd", "tenant-ns-deployed-argo")).ok());
    deployer.feed(&["create", "-f", "-"], &manifest("Helm", "tenant-ns-deployed-helm")).unwrap();
    for (tool, name) in [("argocd", "tenant-ns-deployed-argo"), ("Helm", "tenant-ns-deployed-helm")] {
        // A sync that changes nothing, and one that knows nothing of our labels.
        deployer.apply(&manifest(tool, name)).unwrap();
        deployer.feed(&["replace", "-f", "-"], &manifest(tool, name)).unwrap();
        assert_eq!(
            labels(&admin, name),
            json!({
                "app.kubernetes.io/managed-by": tool,
                "bulkhead.dev/tenant": "ns-deployed", "tenant": "ns-deployed", "istio-injection": "enabled",
            })
        );
    }
    // The platform's own tool is nobody's member: the name says whose it is.
    admin.ok(&["create", "namespace", "tenant-ns-deployed-sre"]).unwrap();
    assert_eq!(labels(&admin, "tenant-ns-deployed-sre")["bulkhead.dev/tenant"], "ns-deployed");
}
