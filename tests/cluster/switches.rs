//! What only the platform says on a namespace, through the real API server.

use serde_json::{Value, json};

use crate::cluster::{shared, tenant};
use crate::namespaces::{labelled, labels};

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
