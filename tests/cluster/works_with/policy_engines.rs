//! Kyverno and Gatekeeper. Policies of the API server have the same conditions in their place: they refuse objects of the
//! baseline until the exclusion of the page applies.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::conditions::condition;
use support::objects::{changed, network_policy, tenant, with_entry};
use support::refusal::{expect_admitted, expect_refused, refused};
use support::wait::{until, within};

use super::{CREATE, NAMESPACE, Stage, wait_until_bound, write};

/// A namespace in which the tests see if the policy applies.
const PROBE: &str = "policy-probe";
const MESSAGE: &str = "the label cost-center is required";
const ADMISSION: &str = "admissionregistration.k8s.io/v1";

/// A policy of the API server for the NetworkPolicies of the tenant, with these fields of `spec`.
fn policy(fields: &Value) -> [Value; 2] {
    let rule = json!({
        "apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["networkpolicies"],
    });
    let namespaces =
        json!({ "key": "kubernetes.io/metadata.name", "operator": "In", "values": [NAMESPACE, PROBE] });
    let mut spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [rule], "namespaceSelector": { "matchExpressions": [namespaces] },
        },
    });
    json_patch::merge(&mut spec, fields);
    let binding = json!({ "policyName": "required-label", "validationActions": ["Deny"] });
    let object = |kind: &str, spec: &Value| json!({ "apiVersion": ADMISSION, "kind": kind, "metadata": { "name": "required-label" }, "spec": spec });
    [object("ValidatingAdmissionPolicy", &spec), object("ValidatingAdmissionPolicyBinding", &binding)]
}

fn apply(admin: &Kubectl, policies: &[Value]) {
    for policy in policies {
        admin.apply(&policy.to_string()).unwrap();
    }
}

/// The validation and the exclusion of Kyverno's policy, as fields of a policy of the API server.
fn kyverno(stage: &Stage) -> [Value; 2] {
    let policy = stage.document("kyverno.yaml", "ClusterPolicy");
    let rule = &policy["spec"]["rules"][0];
    let subject = &rule["exclude"]["any"][0]["subjects"][0];
    assert_eq!(subject["kind"], "ServiceAccount");
    let of = |field: &str| subject[field].as_str().unwrap().to_owned();
    let user = format!("system:serviceaccount:{}:{}", of("namespace"), of("name"));
    let labels = rule["validate"]["pattern"]["metadata"]["labels"].as_object().unwrap();
    let label = labels.keys().next().unwrap();
    let validation = json!({
        "expression": format!("'{label}' in object.metadata.?labels.orValue({{}})"), "message": MESSAGE,
    });
    let condition =
        json!({ "name": "not-excluded", "expression": format!("request.userInfo.username != '{user}'") });
    [json!({ "validations": [validation] }), json!({ "matchConditions": [condition] })]
}

/// The same of Gatekeeper's template, which is in CEL.
fn gatekeeper(stage: &Stage) -> [Value; 2] {
    let template = stage.document("gatekeeper.yaml", "ConstraintTemplate");
    let source = &template["spec"]["targets"][0]["code"][0]["source"];
    let condition = &source["matchCondition"];
    assert_eq!(condition[0]["name"], "not-bulkhead");
    [json!({ "validations": source["validations"] }), json!({ "matchConditions": condition })]
}

/// The recipe, without the policy of an earlier test.
fn stage() -> Stage {
    let stage = Stage::of("policy_engines");
    remove_policy(&stage.admin());
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    stage.admin().apply(&tenant("acme", &owners).to_string()).unwrap();
    stage
}

fn remove_policy(admin: &Kubectl) {
    let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
    admin.ok(&["delete", kinds, "required-label", "--ignore-not-found"]).unwrap();
}

fn expect_namespaces_to_need_the_exclusion(recipe: fn(&Stage) -> [Value; 2]) {
    let stage = stage();
    let admin = stage.admin();
    let [mut fields, exclusion] = recipe(&stage);
    apply(&admin, &policy(&fields));
    let probe = network_policy(PROBE, "probe", &json!({}));
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": PROBE } });
    admin.apply(&namespace.to_string()).unwrap();
    let dry = ["create", "--dry-run=server", "-f", "-"];
    until(|| write(&admin, &dry, &probe).stderr.contains(MESSAGE));

    let owner = stage.owner();
    until(|| owner.run(&["create", "namespace", NAMESPACE]).unwrap().success);
    within(Duration::from_mins(1), || condition(&admin, "tenant", "acme", "Ready").message.contains(MESSAGE));
    json_patch::merge(&mut fields, &exclusion);
    apply(&admin, &policy(&fields));
    stage.wait_until_ready();

    // The policy still judges what the tenant writes, with any label.
    wait_until_bound(&owner);
    let own = network_policy(NAMESPACE, "own", &json!({}));
    let taken = with_entry(own.clone(), "labels", "app.kubernetes.io/managed-by", "bulkhead");
    for object in [own, taken] {
        let said = write(&owner, &CREATE, &object);
        assert!(!said.success && said.stderr.contains(MESSAGE), "{said:?}");
    }
    remove_policy(&admin);
}

#[test]
fn kyverno_excludes_the_controller_of_bulkhead() {
    expect_namespaces_to_need_the_exclusion(kyverno);
}

#[test]
fn gatekeeper_excludes_the_controller_of_bulkhead() {
    expect_namespaces_to_need_the_exclusion(gatekeeper);
}

#[test]
fn generated_objects_are_judged_and_namespaces_stay_under_gatekeeper() {
    let stage = stage();
    let owner = stage.owner();
    stage.create_namespace(&owner);
    let rights =
        json!([{ "apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["*"] }]);
    let kyverno = stage.account("kyverno", "kyverno-background-controller", &rights);
    let generated = |name: &str, spec: Value| {
        changed(network_policy(NAMESPACE, name, &spec), |policy| {
            policy["metadata"]["labels"] = json!({
                "app.kubernetes.io/managed-by": "kyverno", "generate.kyverno.io/policy-name": "defaults",
                "generate.kyverno.io/rule-name": "policy", "generate.kyverno.io/trigger-kind": "Namespace",
            });
        })
    };
    let within_namespace = json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] });
    expect_admitted(&write(&kyverno, &CREATE, &generated("same-namespace", within_namespace)));
    let open = json!({ "ingress": [{ "from": [{ "namespaceSelector": {} }] }] });
    let path = "spec.ingress[0].from[0].namespaceSelector";
    expect_refused(&write(&kyverno, &CREATE, &generated("open", open)), &[("BH501", path)]);

    wait_until_bound(&owner);
    let ignore = ["label", "namespace", NAMESPACE, "admission.gatekeeper.sh/ignore=true"];
    refused(&owner, &ignore, "", &[("BH103", "metadata.labels[admission.gatekeeper.sh/ignore]")]);
}
