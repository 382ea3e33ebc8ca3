//! A tenant's owner with the rights that Bulkhead gives, and no others: what they may do, and what these rights do not open.

use std::collections::BTreeSet;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_owner, shared, wait_until_ready};
use support::objects;
use support::refusal::refused;
use support::wait::until;

fn may(owner: &Kubectl, arguments: &[&str]) -> bool {
    owner.run(&[&["auth", "can-i"], arguments].concat()).unwrap().success
}

/// RBAC refused the call, and the webhook was not asked.
#[track_caller]
fn forbidden(owner: &Kubectl, arguments: &[&str], input: &str) {
    let said = owner.feed(arguments, input).unwrap();
    assert!(!said.success && said.stderr.contains("is forbidden: User"), "{arguments:?}: {said:?}");
}

/// Every verb with the resource on which RBAC allows it in a namespace, such as `create apps/deployments`. Leaves out rules for
/// single names.
fn rights(user: &Kubectl, namespace: &str) -> BTreeSet<String> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": namespace },
    });
    let said =
        user.feed(&["create", "--validate=false", "-f", "-", "-o", "json"], &review.to_string()).unwrap();
    let review: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let rules = review["status"]["resourceRules"].as_array().unwrap().iter();
    let mut rights = BTreeSet::new();
    for rule in rules.filter(|rule| rule.get("resourceNames").is_none()) {
        let texts = |field: &str| rule[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        for verb in texts("verbs") {
            for group in texts("apiGroups") {
                rights.extend(texts("resources").map(|resource| format!("{verb} {group}/{resource}")));
            }
        }
    }
    rights
}

#[test]
fn owner_has_exactly_the_rights_that_the_documentation_lists() {
    let it = shared();
    let owner = new_owner(&it, "ow-rights");
    let namespace = new_namespace(&owner, "ow-rights");
    let all = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let read = ["get", "list", "watch"];
    let documented: &[(&str, &[&str], &[&str])] = &[
        ("", &["configmaps", "secrets", "serviceaccounts", "services", "persistentvolumeclaims"], &all),
        ("", &["pods", "replicationcontrollers"], &all),
        ("", &["events", "limitranges", "resourcequotas", "pods/log"], &read),
        ("", &["pods/exec", "pods/attach", "pods/portforward", "pods/eviction"], &["create", "get"]),
        ("", &["pods/ephemeralcontainers"], &["get", "patch", "update"]),
        ("", &["serviceaccounts/token"], &["create"]),
        ("", &["namespaces"], &["delete", "patch", "update"]),
        ("apps", &["deployments", "statefulsets", "daemonsets", "replicasets"], &all),
        (
            "apps",
            &["deployments/scale", "statefulsets/scale", "replicasets/scale"],
            &["get", "patch", "update"],
        ),
        ("apps", &["controllerrevisions"], &read),
        ("batch", &["jobs", "cronjobs"], &all),
        ("autoscaling", &["horizontalpodautoscalers"], &all),
        ("policy", &["poddisruptionbudgets"], &all),
        ("coordination.k8s.io", &["leases"], &all),
        ("discovery.k8s.io", &["endpointslices"], &all),
        ("networking.k8s.io", &["networkpolicies", "ingresses"], &all),
        (
            "gateway.networking.k8s.io",
            &["httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"],
            &all,
        ),
        (
            "networking.istio.io",
            &["virtualservices", "destinationrules", "gateways", "serviceentries", "sidecars"],
            &all,
        ),
        (
            "security.istio.io",
            &["authorizationpolicies", "peerauthentications", "requestauthentications"],
            &all,
        ),
        ("telemetry.istio.io", &["telemetries"], &all),
        ("monitoring.coreos.com", &["servicemonitors", "podmonitors"], &all),
        ("rbac.authorization.k8s.io", &["roles", "rolebindings"], &all),
        ("openreports.io", &["reports"], &read),
        ("wgpolicyk8s.io", &["policyreports"], &read),
    ];
    let mut expected = BTreeSet::new();
    for (group, resources, verbs) in documented {
        for verb in *verbs {
            expected.extend(resources.iter().map(|resource| format!("{verb} {group}/{resource}")));
        }
    }
    let elsewhere = rights(&owner, "default");
    let found = |namespace: &str| &rights(&owner, namespace) - &elsewhere;
    // `roles::role_that_the_platform_labels_is_added_to_owners` adds one at the same time.
    until(|| {
        found(&namespace).into_iter().filter(|right| !right.ends_with("/podtemplates")).eq(expected.clone())
    });
    assert_eq!(found("shared-services"), BTreeSet::new());
    assert_eq!(found("kube-system"), BTreeSet::new());
    let mutating = |right: &&String| !right.starts_with("get ") && !right.contains("/self");
    assert_eq!(elsewhere.iter().filter(mutating).collect::<Vec<_>>(), ["create /namespaces"]);
}

#[test]
fn owner_changes_and_deletes_the_own_namespaces_and_no_other() {
    let it = shared();
    let owner = new_owner(&it, "ow-names");
    let name = new_namespace(&owner, "ow-names");
    let other = new_owner(&it, "ow-other");
    let foreign = new_namespace(&other, "ow-other");
    let admin = it.cluster.admin().unwrap();
    let platforms = "ow-free";
    admin.ok(&["create", "namespace", platforms]).unwrap();

    owner.ok(&["label", "namespace", &name, "team=payments"]).unwrap();
    owner.ok(&["annotate", "namespace", &name, "example.com/pager=on"]).unwrap();
    // As a folder of manifests with its Namespace does.
    let manifest = objects::labelled_namespace(&name, &json!({ "team": "billing" })).to_string();
    assert!(owner.feed(&["apply", "-f", "-"], &manifest).unwrap().success);
    owner.apply(&manifest).unwrap();
    assert!(owner.replace(&manifest).unwrap().success);

    // The API server asks RBAC for the namespace in itself.
    let may_on = |owner: &Kubectl, verb: &str, namespace: &str| {
        may(owner, &[verb, &format!("namespaces/{namespace}"), "-n", namespace])
    };
    for verb in ["get", "patch", "update", "delete"] {
        assert!(may_on(&owner, verb, &name), "{verb}");
    }
    for namespace in [&foreign, platforms, "kube-system", "istio-system", "default"] {
        for verb in ["patch", "update", "delete"] {
            assert!(!may_on(&owner, verb, namespace), "{verb} {namespace}");
        }
        forbidden(&owner, &["label", "namespace", namespace, "team=mine"], "");
        forbidden(&owner, &["delete", "namespace", namespace, "--wait=false"], "");
    }
    for verb in ["list", "watch", "patch", "update", "delete", "deletecollection"] {
        assert!(!may(&owner, &[verb, "namespaces"]), "{verb}");
    }
    forbidden(&owner, &["get", "namespaces"], "");
    forbidden(&owner, &["delete", "--raw", "/api/v1/namespaces"], "");

    owner.ok(&["delete", "namespace", &name, "--timeout=60s"]).unwrap();
    // A namespace of the same name is the owner's again.
    owner.ok(&["create", "namespace", &name]).unwrap();
    wait_until_ready(&owner, &name);
    owner.ok(&["delete", "namespace", &name, "--wait=false"]).unwrap();

    // The right ends with the ownership.
    let without = objects::tenant("ow-other", &json!({ "owners": [] }));
    admin.apply(&without.to_string()).unwrap();
    until(|| !may_on(&other, "delete", &foreign));
    forbidden(&other, &["delete", "namespace", &foreign, "--wait=false"], "");
}

#[test]
fn owner_cannot_weaken_the_own_namespace() {
    let it = shared();
    let owner = new_owner(&it, "ow-weak");
    let name = new_namespace(&owner, "ow-weak");
    let admin = it.cluster.admin().unwrap();
    let stored = || -> Value {
        serde_json::from_str(&owner.ok(&["get", "namespace", &name, "-o", "json"]).unwrap()).unwrap()
    };
    admin
        .ok(&["label", "namespace", &name, "pod-security.kubernetes.io/warn=baseline", "cost-center=7"])
        .unwrap();
    let refuse = |change: &Value, expected: &[(&str, &str)]| {
        refused(
            &owner,
            &["patch", "namespace", &name, "--type=merge", "-p", &change.to_string()],
            "",
            expected,
        );
    };
    let metadata = |field: &str, value: Value| json!({ "metadata": { field: value } });
    refuse(&metadata("finalizers", json!(["example.com/a"])), &[("BH105", "metadata.finalizers[0]")]);
    let owners = json!([{ "apiVersion": "v1", "kind": "Node", "name": "a", "uid": "b" }]);
    refuse(&metadata("ownerReferences", owners), &[("BH105", "metadata.ownerReferences[0]")]);
    for (key, value) in [
        ("istio-injection", json!("disabled")),
        ("istio.io/rev", json!("other")),
        ("pod-security.kubernetes.io/enforce", json!("privileged")),
        ("pod-security.kubernetes.io/warn", Value::Null),
        ("control-plane", json!("true")),
        // The settings protect this key.
        ("cost-center", json!("8")),
        ("cost-center", Value::Null),
    ] {
        let path = format!("metadata.labels[{key}]");
        refuse(&metadata("labels", json!({ key: value })), &[("BH103", path.as_str())]);
    }
    // The webhook restores the labels of the baseline that an owner removes.
    owner.ok(&["label", "namespace", &name, "istio-injection-", "bulkhead.dev/tenant-"]).unwrap();
    let labels = &stored()["metadata"]["labels"];
    assert_eq!(
        (&labels["istio-injection"], &labels["bulkhead.dev/tenant"]),
        (&json!("enabled"), &json!("ow-weak")),
        "{labels}"
    );
    let moved = metadata("labels", json!({ "bulkhead.dev/tenant": "ow-rights" }));
    refuse(&moved, &[("BH102", "metadata.labels[bulkhead.dev/tenant]")]);

    // An update of the whole object changes neither status nor `spec.finalizers`, and the subresources are not the owner's.
    let mut hollow = stored();
    hollow["spec"]["finalizers"] = json!([]);
    hollow["status"]["conditions"] = json!([]);
    hollow["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    for resource in ["/status", "/finalize"] {
        let path = format!("/api/v1/namespaces/{name}{resource}");
        forbidden(&owner, &["replace", "--raw", &path, "-f", "-"], &hollow.to_string());
    }
    forbidden(&owner, &["patch", "namespace", &name, "--subresource=status", "--type=merge", "-p", "{}"], "");
    let path = format!("/api/v1/namespaces/{name}");
    let _ = owner.feed(&["replace", "--raw", &path, "-f", "-"], &hollow.to_string()).unwrap();
    let kept = stored();
    assert_eq!(kept["spec"]["finalizers"], json!(["kubernetes"]));
    assert!(!kept["status"]["conditions"].as_array().unwrap().is_empty(), "{kept}");

    // A deletion does not take away the policies of a pod that still ends.
    let mut held = objects::pod(&name);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    owner.apply(&held.to_string()).unwrap();
    for option in ["--cascade=orphan", "--cascade=foreground", "--grace-period=0"] {
        owner.ok(&["delete", "namespace", &name, "--wait=false", option]).unwrap();
    }
    let remaining = || owner.ok(&["get", "networkpolicies,rolebindings", "-n", &name, "-o", "name"]).unwrap();
    owner
        .ok(&[
            "wait",
            "--for=condition=NamespaceDeletionContentFailure=False",
            &format!("namespace/{name}"),
            "--timeout=60s",
        ])
        .unwrap();
    assert!(remaining().contains("default-deny-all") && remaining().contains("tenant-owners"));
    refused(
        &owner,
        &["delete", "networkpolicy", "default-deny-all", "-n", &name],
        "",
        &[("BH201", "metadata.name")],
    );
    // The same rights let the owner end it.
    let release = r#"{"metadata":{"finalizers":null}}"#;
    owner.ok(&["patch", "pod", "app", "-n", &name, "--type=merge", "-p", release]).unwrap();
    until(|| !admin.run(&["get", "namespace", &name]).unwrap().success);
}
