//! OpenShift, whose controllers write into every namespace.

use serde_json::{Value, json};
use support::objects::tenant;
use support::refusal::{expect_admitted, expect_refused, refused};
use support::wait::until;

use super::{CREATE, NAMESPACE, Stage, everything, write};

/// The rights of the controllers of namespaces.
fn rights() -> Value {
    json!([{ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch", "update", "patch"] }])
}

/// The annotations of the allocation controller, and the labels of the one for pod security.
fn metadata() -> [(&'static str, Value); 2] {
    let allocation = json!({ "annotations": {
        "openshift.io/sa.scc.mcs": "s0:c27,c4",
        "openshift.io/sa.scc.supplemental-groups": "1000710000/10000",
        "openshift.io/sa.scc.uid-range": "1000710000/10000",
    } });
    let security = json!({ "labels": {
        "pod-security.kubernetes.io/audit": "baseline", "pod-security.kubernetes.io/audit-version": "latest",
        "pod-security.kubernetes.io/warn": "baseline", "pod-security.kubernetes.io/warn-version": "latest",
    } });
    [
        ("namespace-security-allocation-controller", allocation),
        ("podsecurity-admission-label-syncer-controller", security),
    ]
}

/// The RoleBindings that every namespace of OpenShift has.
fn role_bindings() -> [Value; 2] {
    let binding = |name: &str, subject: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
            "subjects": [subject],
        })
    };
    let group = format!("system:serviceaccounts:{NAMESPACE}");
    [
        binding(
            "system:image-pullers",
            json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group }),
        ),
        binding(
            "system:deployers",
            json!({ "kind": "ServiceAccount", "name": "deployer", "namespace": NAMESPACE }),
        ),
    ]
}

#[test]
fn controllers_of_openshift_write_into_namespaces_only_if_they_are_listed() {
    let mut stage = Stage::of("openshift");
    let admin = stage.admin();
    // DNS as its operator runs it.
    let dns = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "openshift-dns" } },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "dns-default", "namespace": "openshift-dns" },
            "spec": {
                "selector": { "dns.operator.openshift.io/daemonset-dns": "default" },
                "ports": [{ "name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP" }],
            },
        },
    ] });
    admin.apply(&dns.to_string()).unwrap();
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    admin.apply(&tenant("acme", &owners).to_string()).unwrap();
    stage.create_namespace(&stage.owner());

    let update = |stage: &Stage, account: &str, metadata: &Value| {
        let controller = stage.account("openshift-infra", account, &rights());
        let patch = json!({ "metadata": metadata }).to_string();
        controller.run(&["patch", "namespace", NAMESPACE, "--type=merge", "-p", &patch]).unwrap()
    };
    for (account, metadata) in metadata() {
        let said = update(&stage, account, &metadata);
        assert!(!said.success && said.stderr.contains("BH103"), "{account}: {said:?}");
    }
    stage.apply_settings();
    for (account, metadata) in metadata() {
        expect_admitted(&update(&stage, account, &metadata));
    }

    let bindings = stage.account("openshift-infra", "default-rolebindings-controller", &everything());
    for binding in role_bindings() {
        expect_admitted(&write(&bindings, &CREATE, &binding));
    }
    let project = stage.account("openshift-apiserver", "openshift-apiserver-sa", &everything());
    refused(&project, &["create", "namespace", "tenant-acme-new"], "", &[("BH104", "metadata.name")]);

    // The baseline opens the port of OpenShift's DNS.
    let policy = ["get", "networkpolicy", "allow-dns-and-api", "-n", NAMESPACE, "-o", "json"];
    until(|| {
        let policy = admin.ok(&policy).unwrap();
        ["openshift-dns", "5353"].iter().all(|part| policy.contains(part))
    });
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "builder-token-x", "namespace": NAMESPACE,
            "annotations": { "kubernetes.io/service-account.name": "builder" },
        },
    });
    expect_refused(&write(&bindings, &CREATE, &token), &[("BH404", "type")]);
}
