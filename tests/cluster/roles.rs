//! Roles and RoleBindings of a tenant's owner, who has no rights but those of the baseline: they give away what they have,
//! to the tenant's own accounts alone.

use bulkhead_harness::kubectl::{Kubectl, Said};
use bulkhead_harness::program::printed;
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{new_namespace, new_owner, new_tenant, shared};
use support::objects;
use support::refusal::{expect_admitted, expect_refused_by, expect_warned, violations};
use support::wait::until;

const GROUP: &str = "rbac.authorization.k8s.io";
const CREATE: [&str; 4] = ["create", "--dry-run=server", "-f", "-"];

fn role(namespace: &str, name: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "Role",
        "metadata": { "name": name, "namespace": namespace }, "rules": rules,
    })
}

fn binding(namespace: &str, (kind, role): (&str, &str), subjects: &Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "RoleBinding",
        "metadata": { "name": "operators", "namespace": namespace },
        "roleRef": { "apiGroup": GROUP, "kind": kind, "name": role }, "subjects": subjects,
    })
}

fn account(namespace: &str, name: &str) -> Value {
    json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name })
}

fn named(kind: &str, name: &str) -> Value {
    json!({ "apiGroup": GROUP, "kind": kind, "name": name })
}

fn create(kubectl: &Kubectl, object: &Value) -> Said {
    kubectl.feed(&CREATE, &object.to_string()).unwrap()
}

/// The rights of the role of a common operator: it watches its own configuration and runs pods.
fn operator_rules() -> Value {
    json!([
        { "apiGroups": [""], "resources": ["configmaps", "pods", "services"], "verbs": ["get", "list", "watch", "create"] },
        { "apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get", "update", "patch"] },
    ])
}

#[test]
fn owner_gives_no_rights_that_they_do_not_have() {
    let it = shared();
    let member = new_tenant(&it, "role-owner");
    let namespace = new_namespace(&member, "role-owner");
    let admin = it.cluster.admin().unwrap();
    let owners = json!({ "owners": [{ "kind": "User", "name": "role-plain" }] });
    admin.apply(&objects::tenant("role-owner", &owners).to_string()).unwrap();
    let plain = it.cluster.user("role-plain", &[]).unwrap();
    let operator = account(&namespace, "operator");

    // As a chart does.
    let own = role(&namespace, "operator", &operator_rules());
    until(|| create(&plain, &own).success);
    plain.apply(&own.to_string()).unwrap();
    let bound = binding(&namespace, ("Role", "operator"), &json!([operator]));
    plain.apply(&bound.to_string()).unwrap();
    let account_name = format!("system:serviceaccount:{namespace}:operator");
    let account_user = it.cluster.user(&account_name, &["system:serviceaccounts"]).unwrap();
    let may = |arguments: &[&str]| {
        account_user.run(&[&["auth", "can-i", "-n", &namespace], arguments].concat()).unwrap().success
    };
    until(|| may(&["create", "pods"]));
    assert!(!may(&["delete", "pods"]) && !may(&["create", "rolebindings"]));

    let rule = |group: &str, resource: &str, verb: &str| json!([{ "apiGroups": [group], "resources": [resource], "verbs": [verb] }]);
    let rights = [
        rule("*", "*", "*"),
        rule("", "*", "get"),
        rule("", "pods", "*"),
        rule("", "pods/proxy", "create"),
        rule("", "pods/status", "patch"),
        rule("", "services/proxy", "get"),
        rule("", "services/status", "patch"),
        rule("", "endpoints", "create"),
        rule("", "namespaces", "list"),
        rule("", "namespaces/finalize", "update"),
        rule("", "namespaces/status", "patch"),
        rule("", "serviceaccounts", "impersonate"),
        rule("", "nodes/proxy", "get"),
        rule(GROUP, "roles", "escalate"),
        rule(GROUP, "roles", "bind"),
        rule(GROUP, "clusterroles", "bind"),
        rule("admissionregistration.k8s.io", "validatingwebhookconfigurations", "update"),
        rule("apiextensions.k8s.io", "customresourcedefinitions", "update"),
        rule("certificates.k8s.io", "certificatesigningrequests/approval", "update"),
        rule("networking.istio.io", "envoyfilters", "create"),
        rule("bulkhead.dev", "tenants", "update"),
    ];
    let is_escalation = |said: &Said| {
        !said.success && said.stderr.contains("attempting to grant RBAC permissions not currently held")
    };
    for rules in &rights {
        let said = create(&plain, &role(&namespace, "more", rules));
        assert!(is_escalation(&said), "{rules}: {said:?}");
        // A user who has these rights may give them.
        expect_admitted(&create(&admin, &role(&namespace, "more", rules)));
    }
    let change = json!({ "rules": rule("*", "*", "*") }).to_string();
    let said =
        plain.run(&["patch", "role", "operator", "-n", &namespace, "--type=merge", "-p", &change]).unwrap();
    assert!(is_escalation(&said), "{said:?}");

    for powerful in ["cluster-admin", "admin", "edit", "bulkhead-controller"] {
        let said = create(&plain, &binding(&namespace, ("ClusterRole", powerful), &json!([operator])));
        assert!(is_escalation(&said), "{powerful}: {said:?}");
    }
    let own_role = binding(&namespace, ("ClusterRole", "bulkhead-tenant"), &json!([operator]));
    let own_role = objects::changed(own_role, |binding| binding["metadata"]["name"] = json!("more"));
    expect_admitted(&create(&plain, &own_role));
    let aggregated = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": { "name": "more", "labels": { "rbac.authorization.k8s.io/aggregate-to-edit": "true" } },
        "rules": operator_rules(),
    });
    assert!(create(&plain, &aggregated).stderr.contains("cannot create resource \"clusterroles\""));

    // The owners' own binding is of the baseline.
    let more = json!({ "subjects": [named("User", "role-plain"), operator] }).to_string();
    let owners = ["patch", "rolebinding", "tenant-owners", "-n", &namespace, "--type=merge", "-p", &more];
    let said = plain.run(&owners).unwrap();
    let codes: Vec<&str> = violations(&said.stderr).into_iter().map(|(code, _)| code).collect();
    assert!(!codes.is_empty() && codes.iter().all(|code| *code == "BH202"), "{said:?}");
}

#[test]
fn binding_for_others_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "role-bound");
    let namespace = new_namespace(&member, "role-bound");
    let other = new_tenant(&it, "role-other");
    let foreign = new_namespace(&other, "role-other");
    let admin = it.cluster.admin().unwrap();
    let outside = "roles-free";
    admin.ok(&["create", "namespace", outside]).unwrap();
    let deployer = it.cluster.powerful("system:serviceaccount:argocd:roles", "role-deployers").unwrap();
    let of_foreign = format!("system:serviceaccounts:{foreign}");
    let as_user = format!("system:serviceaccount:{foreign}:web");
    let refused = [
        named("Group", "system:authenticated"),
        named("Group", "system:unauthenticated"),
        named("Group", "system:serviceaccounts"),
        named("Group", &of_foreign),
        named("Group", "role-other-developers"),
        named("Group", "system:nodes"),
        named("User", "system:anonymous"),
        named("User", &as_user),
        named("User", "role-other-alice"),
        account(&foreign, "web"),
        account(outside, "web"),
    ];
    let view = ("ClusterRole", "view");
    for subject in &refused {
        let object = |namespace: &str| binding(namespace, view, &json!([account(namespace, "own"), subject]));
        expect_admitted(&create(&admin, &object(outside)));
        for user in [&member, &deployer] {
            expect_refused_by("policies", &create(user, &object(&namespace)), &[("BH903", "subjects[1]")]);
        }
        expect_admitted(&create(&admin, &object(&namespace)));
    }
    let own_group = format!("system:serviceaccounts:{namespace}");
    let admitted = [
        account(&namespace, "web"),
        account("istio-system", "istiod"),
        account("kube-system", "generic-garbage-collector"),
        named("Group", &own_group),
        named("Group", "role-bound-developers"),
        named("Group", "system:masters"),
    ];
    for subject in &admitted {
        expect_admitted(&create(&member, &binding(&namespace, view, &json!([subject]))));
    }

    // A subject that is added later, and a binding of the platform that a tenant labels.
    member.apply(&binding(&namespace, view, &json!([account(&namespace, "web")])).to_string()).unwrap();
    let patch = |kubectl: &Kubectl, patch: &Value| {
        let patch = patch.to_string();
        kubectl
            .run(&["patch", "rolebinding", "operators", "-n", &namespace, "--type=merge", "-p", &patch])
            .unwrap()
    };
    let broad = json!({ "subjects": [named("Group", "system:authenticated")] });
    expect_refused_by("policies", &patch(&member, &broad), &[("BH903", "subjects[0]")]);
    expect_admitted(&patch(&admin, &broad));
    let label = json!({ "metadata": { "labels": { "team": "ours" } } });
    expect_warned(&patch(&member, &label), &[("BH903", "subjects[0]")]);
    expect_admitted(&patch(&member, &json!({ "subjects": [] })));
}

/// As Kubernetes' own roles do. Nobody but the platform may write ClusterRoles.
#[test]
fn role_that_the_platform_labels_is_added_to_owners() {
    let it = shared();
    let owner = new_owner(&it, "role-added");
    let namespace = new_namespace(&owner, "role-added");
    let admin = it.cluster.admin().unwrap();
    let may = |arguments: &[&str]| {
        owner.run(&[&["auth", "can-i"], arguments, &["-n", &namespace]].concat()).unwrap().success
    };
    let aggregated = |name: &str, value: &str, verb: &str| {
        json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
            "metadata": { "name": name, "labels": { "bulkhead.dev/aggregate-to-tenant": value } },
            "rules": [{ "apiGroups": [""], "resources": ["podtemplates"], "verbs": [verb] }],
        })
    };
    for said in [
        create(&owner, &aggregated("role-added", "true", "create")),
        owner.run(&["label", "clusterrole", "view", "bulkhead.dev/aggregate-to-tenant=true"]).unwrap(),
        owner.run(&["delete", "clusterrole", "bulkhead-aggregate-to-tenant"]).unwrap(),
    ] {
        assert!(!said.success && said.stderr.contains("clusterroles"), "{said:?}");
    }

    let templates = "podtemplates";
    assert!(!may(&["create", templates]));
    admin.apply(&aggregated("role-not-added", "false", "delete").to_string()).unwrap();
    admin.apply(&aggregated("role-added", "true", "create").to_string()).unwrap();
    until(|| may(&["create", templates]));
    assert!(!may(&["delete", templates]) && may(&["create", "pods"]));
    assert!(!may(&["create", templates, "--all-namespaces"]));
    // An upgrade applies the same manifest again, as `kubectl apply` and Helm do, and keeps what was added.
    admin.apply(&printed(&BINARY, &["rbac"]).unwrap()).unwrap();
    let rules = admin.ok(&["get", "clusterrole", "bulkhead-tenant", "-o", "yaml"]).unwrap();
    assert!(rules.contains("podtemplates") && rules.contains("deployments"), "{rules}");
    // Owners may give what was added.
    let given = json!([{ "apiGroups": [""], "resources": ["podtemplates"], "verbs": ["create"] }]);
    until(|| create(&owner, &role(&namespace, "added", &given)).success);
    admin.ok(&["delete", "clusterrole", "role-added", "role-not-added"]).unwrap();
    until(|| !may(&["create", templates]));
}
