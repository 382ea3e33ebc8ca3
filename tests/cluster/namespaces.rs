//! The tenant of a namespace, through the real API server.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{namespace_labels as labels, new_tenant, shared, wait_until_ready};
use support::objects::{self, labelled_namespace};
use support::refusal::{expect_refused, expect_refused_by, expect_warned, refused};
use support::wait::until;

const TENANT: &str = "metadata.labels[bulkhead.dev/tenant]";

fn labelled(name: &str, labels: &Value) -> String {
    labelled_namespace(name, labels).to_string()
}

#[test]
fn new_namespace_of_a_member_gets_their_tenants_labels() {
    let it = shared();
    let member = new_tenant(&it, "ns-new");
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
fn new_namespace_of_a_member_of_two_tenants_must_name_one() {
    let it = shared();
    new_tenant(&it, "ns-two-left");
    new_tenant(&it, "ns-two-right");
    let both = it.cluster.user("ns-two", &["ns-two-left-developers", "ns-two-right-developers"]).unwrap();
    let said = both.run(&["create", "namespace", "ns-two-playground"]).unwrap();
    expect_refused_by("namespaces", &said, &[("BH101", TENANT)]);
    both.ok(&["create", "namespace", "tenant-ns-two-right"]).unwrap();
    assert_eq!(labels(&both, "tenant-ns-two-right")["bulkhead.dev/tenant"], "ns-two-right");
    both.apply(&labelled("tenant-ns-two-left-playground", &json!({ "bulkhead.dev/tenant": "ns-two-left" })))
        .unwrap();
    assert_eq!(labels(&both, "tenant-ns-two-left-playground")["tenant"], "ns-two-left");
}

#[test]
fn forged_tenant_label_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ns-forged");
    new_tenant(&it, "ns-victim");
    let stranger = it.cluster.powerful("ns-forged-mallory", "strangers").unwrap();

    let forged = labelled("tenant-ns-forged", &json!({ "bulkhead.dev/tenant": "ns-victim" }));
    let elsewhere = labelled("ns-forged-elsewhere", &json!({ "bulkhead.dev/tenant": "ns-victim" }));
    for (kubectl, namespace) in [(&member, &forged), (&stranger, &elsewhere)] {
        let said = kubectl.feed(&["create", "-f", "-"], namespace).unwrap();
        expect_refused_by("namespaces", &said, &[("BH102", TENANT)]);
    }

    let plain = labelled("ns-forged-plain", &json!({ "tenant": "ns-victim" }));
    refused(&stranger, &["create", "-f", "-"], &plain, &[("BH102", "metadata.labels[tenant]")]);
    let own = labelled("ns-forged-own-meaning", &json!({ "tenant": "the-people-upstairs" }));
    stranger.apply(&own).unwrap();
}

/// The API server changes the labels of a namespace through three resources.
#[test]
fn tenant_label_cannot_be_changed_through_any_resource() {
    let it = shared();
    let member = new_tenant(&it, "ns-doors");
    new_tenant(&it, "ns-robbed");
    let name = "tenant-ns-doors";
    member.ok(&["create", "namespace", name]).unwrap();
    // Afterwards no condition is written that a replaced status would remove.
    wait_until_ready(&member, name);
    let stored: Value =
        serde_json::from_str(&member.ok(&["get", "namespace", name, "-o", "json"]).unwrap()).unwrap();
    let moved = |labels: Value| {
        let mut namespace = stored.clone();
        namespace["metadata"]["labels"] = labels;
        namespace["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        namespace.to_string()
    };

    let injection = ("BH103", "metadata.labels[istio-injection]");
    // Of the whole namespace alone, the webhook restores a label that the write leaves out.
    let stolen = moved(json!({ "bulkhead.dev/tenant": "ns-robbed", "tenant": "ns-doors" }));
    for (resource, expected) in [
        ("", &[("BH102", TENANT)][..]),
        ("/status", &[("BH102", TENANT), injection]),
        ("/finalize", &[("BH102", TENANT), injection]),
    ] {
        let path = format!("/api/v1/namespaces/{name}{resource}");
        refused(&member, &["replace", "--raw", &path, "-f", "-"], &stolen, expected);
    }
    let unlabelled = [("BH102", TENANT), ("BH102", "metadata.labels[tenant]"), injection];
    for resource in ["/status", "/finalize"] {
        let path = format!("/api/v1/namespaces/{name}{resource}");
        refused(&member, &["replace", "--raw", &path, "-f", "-"], &moved(json!({})), &unlabelled);
    }
    for patch in [
        ("merge", r#"{"metadata":{"labels":{"bulkhead.dev/tenant":"ns-robbed"}}}"#),
        ("strategic", r#"{"metadata":{"labels":{"bulkhead.dev/tenant":"ns-robbed"}}}"#),
        ("json", r#"[{"op":"replace","path":"/metadata/labels/bulkhead.dev~1tenant","value":"ns-robbed"}]"#),
    ] {
        let arguments = ["patch", "namespace", name, "--type", patch.0, "-p", patch.1];
        refused(&member, &arguments, "", &[("BH102", TENANT)]);
    }
    assert_eq!(labels(&member, name)["bulkhead.dev/tenant"], "ns-doors");
}

#[test]
fn tenant_label_on_a_platform_namespace_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ns-claim");
    let stranger = it.cluster.powerful("ns-claim-mallory", "strangers").unwrap();
    let admin = it.cluster.admin().unwrap();
    admin.apply(&labelled("monitoring", &json!({}))).unwrap();
    for kubectl in [&member, &stranger] {
        // In the namespace of a shared service, only the platform changes any label.
        let protected = ("BH401", "metadata.name");
        for (name, expected) in
            [("kube-system", &[("BH102", TENANT)][..]), ("monitoring", &[("BH102", TENANT), protected])]
        {
            let claim = ["label", "namespace", name, "bulkhead.dev/tenant=ns-claim"];
            refused(kubectl, &claim, "", expected);
        }
        let disable = ["label", "namespace", "monitoring", "istio-injection=disabled"];
        refused(kubectl, &disable, "", &[protected]);
    }
    admin.ok(&["label", "namespace", "monitoring", "istio-injection=disabled", "--dry-run=server"]).unwrap();
}

#[test]
fn replace_without_the_tenants_labels_gets_them_back() {
    let it = shared();
    let member = new_tenant(&it, "ns-replace");
    let name = "tenant-ns-replace";
    member.ok(&["create", "namespace", name]).unwrap();
    let said = member.replace(&labelled(name, &json!({ "team": "payments" }))).unwrap();
    let restored = [TENANT, "metadata.labels[istio-injection]", "metadata.labels[tenant]"];
    expect_warned(&said, &restored.map(|path| ("", path)));
    let kept = json!({
        "bulkhead.dev/tenant": "ns-replace", "tenant": "ns-replace", "istio-injection": "enabled", "team": "payments",
    });
    assert_eq!(labels(&member, name), kept);

    // One label alone is restored too.
    let partial = labelled(name, &json!({ "bulkhead.dev/tenant": "ns-replace" }));
    assert!(member.replace(&partial).unwrap().success);
    assert_eq!(labels(&member, name)["tenant"], "ns-replace");
    member.ok(&["label", "namespace", name, "istio-injection-"]).unwrap();
    assert_eq!(labels(&member, name)["istio-injection"], "enabled");
}

#[test]
fn platform_may_move_and_delete_namespaces() {
    let it = shared();
    let member = new_tenant(&it, "ns-moved");
    new_tenant(&it, "ns-heir");
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
    until(|| !admin.run(&["get", "namespace", name]).unwrap().success);
}

#[test]
fn namespace_with_the_name_of_another_tenant_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ns-named");
    new_tenant(&it, "ns-named2");
    let stranger = it.cluster.powerful("ns-named-mallory", "strangers").unwrap();
    let name_refused = |kubectl: &Kubectl, name: &str| {
        refused(kubectl, &["create", "namespace", name], "", &[("BH104", "metadata.name")]);
    };
    for name in ["com", "tenant-ns-named2", "tenant-ns-named2-a", "tenant-ns-name", "ns-named"] {
        name_refused(&member, name);
    }
    name_refused(&stranger, "tenant-ns-named-a");
    name_refused(&stranger, "istio-ingress");
    let generated = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": "com" } });
    let said = member.feed(&["create", "-f", "-"], &generated.to_string()).unwrap();
    expect_refused(&said, &[("BH104", "metadata.name")]);
    stranger.ok(&["create", "namespace", "ns-named-elsewhere"]).unwrap();
    // The API server overwrites this label with the name.
    member
        .apply(&labelled("tenant-ns-named", &json!({ "kubernetes.io/metadata.name": "kube-system" })))
        .unwrap();
    let shown = member.ok(&["get", "namespace", "tenant-ns-named", "-o", "json"]).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["metadata"]["labels"]["kubernetes.io/metadata.name"], "tenant-ns-named");
}

/// The refusal does not show if the namespace exists.
#[test]
fn namespace_with_a_reserved_name_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ns-reserved");
    // The webhook adds no tenant label to a namespace with this name, and BH101 leaves it to BH104.
    refused(&member, &["create", "namespace", "kube-public"], "", &[("BH104", "metadata.name")]);
}

/// A tenant's own deployer runs in a namespace of the tenant.
#[test]
fn service_account_acts_for_the_tenant_of_its_namespace() {
    let it = shared();
    let member = new_tenant(&it, "ns-account");
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
        said.stdout.contains("\"bulkhead.dev/tenant\": \"ns-account\"")
    });
}

/// Argo CD and Helm, under an account that the Tenant lists: their own labels and annotations are kept.
#[test]
fn new_namespace_of_a_listed_deployer_gets_its_tenants_labels() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let owner = json!({ "kind": "ServiceAccount", "namespace": "ns-argocd", "name": "deployer" });
    admin.apply(&objects::tenant("ns-deployed", &json!({ "owners": [owner] })).to_string()).unwrap();
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
        // A sync that changes nothing, and one without Bulkhead's labels.
        deployer.apply(&manifest(tool, name)).unwrap();
        assert!(deployer.replace(&manifest(tool, name)).unwrap().success);
        assert_eq!(
            labels(&admin, name),
            json!({
                "app.kubernetes.io/managed-by": tool,
                "bulkhead.dev/tenant": "ns-deployed", "tenant": "ns-deployed", "istio-injection": "enabled",
            })
        );
    }
    // The platform's own tool is no member of a tenant: the name of the namespace selects the tenant.
    admin.ok(&["create", "namespace", "tenant-ns-deployed-sre"]).unwrap();
    assert_eq!(labels(&admin, "tenant-ns-deployed-sre")["bulkhead.dev/tenant"], "ns-deployed");
}
