//! Labels and annotations of namespaces that only the platform may set, through the real API server.

use serde_json::{Value, json};
use support::cluster::{namespace_labels as labels, new_tenant, shared, wait_until_ready};
use support::objects::labelled_namespace;
use support::refusal::{expect_refused, expect_refused_by, expect_warned, refused};

fn labelled(name: &str, labels: &Value) -> String {
    labelled_namespace(name, labels).to_string()
}

/// Each of the two labels enables injection; together they would contradict each other.
#[test]
fn namespace_with_a_revision_gets_no_other_mesh_label() {
    let it = shared();
    new_tenant(&it, "ns-revision");
    let admin = it.cluster.admin().unwrap();
    let canary = json!({ "istio.io/rev": "canary", "bulkhead.dev/tenant": "ns-revision" });
    admin.apply(&labelled("tenant-ns-revision", &canary)).unwrap();
    assert_eq!(labels(&admin, "tenant-ns-revision")["istio-injection"], Value::Null);
}

#[test]
fn revision_from_the_platform_is_kept() {
    let it = shared();
    let member = new_tenant(&it, "ns-canary");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-canary";
    member.ok(&["create", "namespace", name]).unwrap();
    admin.ok(&["label", "namespace", name, "istio-injection-", "istio.io/rev=canary"]).unwrap();
    let chosen =
        json!({ "bulkhead.dev/tenant": "ns-canary", "tenant": "ns-canary", "istio.io/rev": "canary" });
    assert_eq!(labels(&admin, name), chosen);

    let added = ("BH103", "metadata.labels[istio-injection]");
    refused(&member, &["label", "namespace", name, "istio-injection=enabled"], "", &[added]);
    let instead = labelled(name, &json!({ "istio-injection": "enabled" }));
    let removed = ("BH103", "metadata.labels[istio.io/rev]");
    expect_refused(&member.replace(&instead).unwrap(), &[added, removed]);

    let said = member.replace(&labelled(name, &json!({}))).unwrap();
    let restored =
        ["metadata.labels[bulkhead.dev/tenant]", "metadata.labels[istio.io/rev]", "metadata.labels[tenant]"];
    expect_warned(&said, &restored.map(|path| ("", path)));
    assert_eq!(labels(&admin, name), chosen);
}

#[test]
fn key_that_the_settings_protect_is_refused_to_members() {
    let it = shared();
    let member = new_tenant(&it, "ns-cost");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-cost";
    member.ok(&["create", "namespace", name]).unwrap();
    let label = [("BH103", "metadata.labels[cost-center]")];
    let annotation = [("BH103", "metadata.annotations[cost-center]")];
    refused(&member, &["label", "namespace", name, "cost-center=7"], "", &label);
    refused(&member, &["annotate", "namespace", name, "cost-center=7"], "", &annotation);

    admin.ok(&["label", "namespace", name, "cost-center=42"]).unwrap();
    refused(&member, &["label", "namespace", name, "cost-center=7", "--overwrite"], "", &label);
    refused(&member, &["label", "namespace", name, "cost-center-"], "", &label);
    assert_eq!(labels(&member, name)["cost-center"], "42");
}

/// The mesh, the scheduler and other webhooks act on these keys of a namespace.
#[test]
fn protected_keys_of_a_namespace_are_refused_to_members() {
    let it = shared();
    let member = new_tenant(&it, "ns-switch");
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
        ("annotations", "field.cattle.io/projectId", "c-1:p-1"),
        ("labels", "field.cattle.io/projectId", "p-1"),
        ("labels", "k8s.ovn.org/primary-user-defined-network", ""),
        ("annotations", "k8s.ovn.org/active-network", "mine"),
        ("annotations", "ovn.kubernetes.io/logical_switch", "subnet-of-another"),
        ("annotations", "ipam.antrea.io/ippools", "pool"),
        ("labels", "capsule.clastix.io/tenant", "another"),
        ("labels", "root.tree.hnc.x-k8s.io/depth", "0"),
        ("annotations", "iam.amazonaws.com/permitted", ".*"),
    ];
    for (map, key, value) in keys {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, map: { key: value } } });
        let path = format!("metadata.{map}[{key}]");
        refused(&member, &["create", "-f", "-"], &namespace.to_string(), &[("BH103", &path)]);
    }
    member.ok(&["create", "namespace", name]).unwrap();
    // Afterwards no condition is written that a replaced status would remove.
    wait_until_ready(&member, name);
    let stored: Value =
        serde_json::from_str(&member.ok(&["get", "namespace", name, "-o", "json"]).unwrap()).unwrap();
    for (map, key, value) in keys {
        for resource in ["", "/status", "/finalize"] {
            let mut turned = stored.clone();
            turned["metadata"][map][key] = json!(value);
            turned["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            let path = format!("/api/v1/namespaces/{name}{resource}");
            let said = member.feed(&["replace", "--raw", &path, "-f", "-"], &turned.to_string()).unwrap();
            let path = format!("metadata.{map}[{key}]");
            expect_refused(&said, &[("BH103", &path)]);
        }
    }
    let said = member.run(&["label", "namespace", name, "istio-injection=disabled", "--overwrite"]).unwrap();
    expect_refused_by("namespaces", &said, &[("BH103", "metadata.labels[istio-injection]")]);

    member.ok(&["label", "namespace", name, "team=payments", &format!("name={name}")]).unwrap();
    member.ok(&["annotate", "namespace", name, "example.com/pager=on"]).unwrap();
    admin.ok(&["label", "namespace", name, "pod-security.kubernetes.io/warn=baseline"]).unwrap();
    let remove = ["label", "namespace", name, "pod-security.kubernetes.io/warn-"];
    refused(&member, &remove, "", &[("BH103", "metadata.labels[pod-security.kubernetes.io/warn]")]);
    let strictest = ["warn", "audit"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
    let [warn, audit] = strictest.each_ref().map(String::as_str);
    member.ok(&["label", "namespace", name, "--overwrite", warn, audit]).unwrap();
    let enforce = ["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"];
    refused(&member, &enforce, "", &[("BH103", "metadata.labels[pod-security.kubernetes.io/enforce]")]);
}

/// The garbage collector would follow an owner; a finalizer would block the deletion of the namespace, or an empty list
/// complete it too early.
#[test]
fn owner_or_finalizer_of_a_namespace_is_refused_to_members() {
    let it = shared();
    let member = new_tenant(&it, "ns-attach");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-attach";
    member.ok(&["create", "namespace", name]).unwrap();
    let owner =
        r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"a","uid":"b"}]}}"#;
    let finalizer = r#"{"metadata":{"finalizers":["example.com/a","example.com/b"]}}"#;
    for (patch, expected) in [
        (owner, &[("BH105", "metadata.ownerReferences[0]")][..]),
        (finalizer, &[("BH105", "metadata.finalizers[0]"), ("BH105", "metadata.finalizers[1]")]),
    ] {
        for resource in [&[][..], &["--subresource=status"]] {
            let patch = [&["patch", "namespace", name, "--type=merge", "-p", patch], resource].concat();
            refused(&member, &patch, "", expected);
        }
    }
    let mut hollow: Value =
        serde_json::from_str(&member.ok(&["get", "namespace", name, "-o", "json"]).unwrap()).unwrap();
    hollow["spec"]["finalizers"] = json!([]);
    // The controller may write the namespace meanwhile.
    hollow["metadata"]["resourceVersion"].take();
    let path = format!("/api/v1/namespaces/{name}/finalize");
    let replace = ["replace", "--raw", &path, "-f", "-"];
    refused(&member, &replace, &hollow.to_string(), &[("BH105", "spec.finalizers")]);

    let brought = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "tenant-ns-attach-more" },
        "spec": { "finalizers": ["example.com/never"] },
    });
    refused(&member, &["create", "-f", "-"], &brought.to_string(), &[("BH105", "spec.finalizers[0]")]);

    admin.ok(&["patch", "namespace", name, "--type=merge", "-p", finalizer]).unwrap();
    let fewer = r#"{"metadata":{"finalizers":["example.com/b"]}}"#;
    member.ok(&["patch", "namespace", name, "--type=merge", "-p", fewer]).unwrap();
    member.ok(&["delete", "namespace", name, "--wait=false"]).unwrap();
    member
        .ok(&["patch", "namespace", name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#])
        .unwrap();
    member.ok(&["wait", "--for=delete", "namespace", name, "--timeout=60s"]).unwrap();
}
