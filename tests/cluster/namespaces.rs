//! Whose a namespace is, through the real API server.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use crate::cluster::{shared, tenant, until};

pub(crate) fn labels(kubectl: &Kubectl, name: &str) -> Value {
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
    until(|| !admin.run(&["get", "namespace", name]).unwrap().success);
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
        said.stdout.contains("\"bulkhead.dev/tenant\": \"ns-account\"")
    });
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
