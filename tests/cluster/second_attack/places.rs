//! Protected places: the namespaces of shared services, of the mesh's root and of Bulkhead, and a tenant's namespace for
//! members of other tenants.

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects::{changed, deployment, labelled_namespace, list, object, pod, schemaless_crd};
use support::refusal::violations;

use super::{Attempts, DRY_RUN, create_raw, get, merge, replace_raw};

const PLACES: [&str; 3] = ["shared-services", "istio-system", "bulkhead-system"];

fn with_fields(api_version: &str, kind: &str, namespace: &str, fields: &Value) -> Value {
    let plain = json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": "second-place", "namespace": namespace },
    });
    changed(plain, |object| json_patch::merge(object, fields))
}

/// Objects of kinds that no other rule judges there.
fn further_kinds(namespace: &str) -> Vec<Value> {
    let plain =
        |api_version: &str, kind: &str, fields: Value| with_fields(api_version, kind, namespace, &fields);
    let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "second-place" });
    vec![
        plain(
            "v1",
            "Service",
            json!({ "spec": { "selector": { "app": "mine" }, "ports": [{ "port": 80 }] } }),
        ),
        plain(
            "v1",
            "Endpoints",
            json!({ "subsets": [{ "addresses": [{ "ip": "192.0.2.9" }], "ports": [{ "port": 80 }] }] }),
        ),
        plain(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            json!({
                "metadata": { "labels": { "kubernetes.io/service-name": "second-place" } }, "addressType": "IPv4",
                "endpoints": [{ "addresses": ["192.0.2.9"] }], "ports": [{ "port": 80 }],
            }),
        ),
        plain("apps/v1", "ControllerRevision", json!({ "revision": 1, "data": {} })),
        plain(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({ "spec": { "scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 1 } }),
        ),
        plain("policy/v1", "PodDisruptionBudget", json!({ "spec": { "maxUnavailable": 0, "selector": {} } })),
        plain("v1", "ConfigMap", json!({ "data": { "a": "b" } })),
        plain("v1", "Secret", json!({ "stringData": { "ca-cert.pem": "forged" } })),
        plain("v1", "ResourceQuota", json!({ "spec": { "hard": { "pods": "0" } } })),
        plain(
            "v1",
            "LimitRange",
            json!({ "spec": { "limits": [{ "type": "Container", "max": { "memory": "4Mi" } }] } }),
        ),
        plain(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({ "rules": [{ "apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"] }] }),
        ),
        plain(
            "networking.k8s.io/v1",
            "Ingress",
            json!({ "spec": { "defaultBackend": { "service": { "name": "a", "port": { "number": 80 } } } } }),
        ),
        plain(
            "networking.istio.io/v1",
            "DestinationRule",
            json!({ "spec": { "host": "second-place", "trafficPolicy": { "tls": { "mode": "DISABLE" } } } }),
        ),
        plain(
            "networking.istio.io/v1beta1",
            "ProxyConfig",
            json!({ "spec": { "environmentVariables": { "A": "b" } } }),
        ),
        plain(
            "extensions.istio.io/v1alpha1",
            "WasmPlugin",
            json!({ "spec": { "url": "oci://registry.example.com/a:1" } }),
        ),
        plain("second.example.com/v1", "Widget", json!({ "spec": { "a": 1 } })),
    ]
}

/// A workload of the platform in each place; kubectl as its administrator, a GitOps account and a member of a tenant.
fn stage(it: &Installation) -> [Kubectl; 2] {
    let admin = it.cluster.admin().unwrap();
    // A kind that Bulkhead has never heard of.
    admin.apply(&schemaless_crd("second.example.com", "v1", "Widget").to_string()).unwrap();
    admin.ok(&["wait", "--for=condition=Established", "crd/widgets.second.example.com"]).unwrap();
    admin.apply(&labelled_namespace("shared-services", &json!({})).to_string()).unwrap();
    for place in PLACES {
        wait_for_default_account(&admin, place);
        let idle = changed(deployment(place, "second-place"), |idle| idle["spec"]["replicas"] = json!(0));
        let runs = changed(pod(place), |pod| pod["metadata"]["name"] = json!("second-place"));
        let config = with_fields("v1", "ConfigMap", place, &json!({ "data": { "a": "a" } }));
        let service = json!({ "spec": { "selector": { "app": "second" }, "ports": [{ "port": 80 }] } });
        let service = with_fields("v1", "Service", place, &service);
        let widget = with_fields("second.example.com/v1", "Widget", place, &json!({}));
        admin.apply(&list([idle, runs, config, service, widget]).to_string()).unwrap();
    }
    [admin, it.cluster.powerful("system:serviceaccount:second-argo:controller", "strangers").unwrap()]
}

#[test]
fn objects_of_every_kind_are_refused_in_protected_places() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let mut attempts = Attempts::default();
    for place in PLACES {
        let kinds = further_kinds(place).into_iter().map(|object| {
            let name = object["kind"].as_str().unwrap().to_lowercase();
            changed(object, |object| object["metadata"]["name"] = json!(format!("second-new-{name}")))
        });
        let kinds: Vec<Value> = kinds.collect();
        let all = list(kinds.clone()).to_string();
        let said = argo.feed(DRY_RUN, &all).unwrap();
        for object in &kinds {
            let name = object["metadata"]["name"].as_str().unwrap();
            let is_held = !said.stdout.contains(&format!("/{name} created"));
            attempts.holds(&format!("{name} in {place}"), is_held, &said.stdout);
        }
        let codes = violations(&said.stderr);
        let are_expected = codes.len() == kinds.len() && codes.iter().all(|(code, _)| *code == "BH401");
        attempts.holds(&format!("codes in {place}"), are_expected, &said.stderr);
        attempts.admitted(place, &admin, DRY_RUN, &all);
    }
    let elsewhere = with_fields("v1", "ConfigMap", "default", &json!({ "data": { "a": "b" } }));
    attempts.admitted("ConfigMap elsewhere", &argo, DRY_RUN, &elsewhere.to_string());
    // The injector's answer in this namespace is the reference for every tenant's proxies.
    for (kind, api_version, spec) in [
        ("ProxyConfig", "networking.istio.io/v1beta1", json!({ "environmentVariables": { "A": "b" } })),
        ("LimitRange", "v1", json!({ "limits": [{ "type": "Container", "default": { "memory": "4Mi" } }] })),
        ("ResourceQuota", "v1", json!({ "hard": { "pods": "0" } })),
    ] {
        let new = object(api_version, kind, "bulkhead-probe", "second-place", &spec).to_string();
        attempts.refused_by(&format!("{kind} in bulkhead-probe"), &argo, DRY_RUN, &new, &["BH401"]);
    }
    attempts.end();
}

#[test]
fn every_verb_and_subresource_is_refused_in_protected_places() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let member = new_tenant(&it, "second-place");
    let mut attempts = Attempts::default();
    for place in PLACES {
        let path = |rest: &str| format!("/api/v1/namespaces/{place}/{rest}");
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "name": "second-place", "namespace": place },
        });
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": "second-place" },
            "target": { "apiVersion": "v1", "kind": "Node", "name": "mine" },
        });
        let dry = "--dry-run=server";
        for (who, by) in [("GitOps account", &argo), ("member", &member)] {
            let mut refused = |name: &str, arguments: &[&str], input: &str| {
                attempts.refused_by(
                    &format!("{name} in {place} by a {who}"),
                    by,
                    arguments,
                    input,
                    &["BH401"],
                );
            };
            refused(
                "patch of a ConfigMap",
                &merge(&["configmap", "second-place", "-n", place], r#"{"data":{"a":"b"}}"#),
                "",
            );
            refused(
                "selector of a Service",
                &merge(&["service", "second-place", "-n", place], r#"{"spec":{"selector":{"app":"mine"}}}"#),
                "",
            );
            let ready = r#"{"status":{"conditions":[{"type":"Ready","status":"False"}]}}"#;
            refused(
                "status of a pod",
                &[&merge(&["pod", "second-place", "-n", place], ready)[..], &["--subresource=status"]]
                    .concat(),
                "",
            );
            let failed = r#"{"status":{"conditions":[{"type":"Programmed","status":"False","reason":"None",
                "message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#;
            refused(
                "status of a Service",
                &[&merge(&["service", "second-place", "-n", place], failed)[..], &["--subresource=status"]]
                    .concat(),
                "",
            );
            refused("scale", &["scale", "deployment", "second-place", "-n", place, "--replicas=3"], "");
            refused("pause", &["rollout", "pause", "deployment/second-place", "-n", place], "");
            refused(
                "eviction",
                &create_raw(&path("pods/second-place/eviction?dryRun=All")),
                &eviction.to_string(),
            );
            refused(
                "binding to another node",
                &create_raw(&path("pods/second-place/binding?dryRun=All")),
                &binding.to_string(),
            );
            refused("deletion of a pod", &["delete", "pod", "second-place", "-n", place, dry], "");
            refused("deletion of a collection", &["delete", "--raw", &path("configmaps?dryRun=All")], "");
            refused("deletion of a Service", &["delete", "service", "second-place", "-n", place, dry], "");
            refused(
                "deletion of a service account",
                &["delete", "serviceaccount", "default", "-n", place, dry],
                "",
            );
            refused(
                "deletion of a custom resource",
                &[
                    "delete",
                    "--raw",
                    &format!("/apis/second.example.com/v1/namespaces/{place}/widgets?dryRun=All"),
                ],
                "",
            );
            refused("call of a Service", &["get", "--raw", &path("services/second-place:80/proxy/")], "");
        }
        // An empty collection is no attempt.
        admin.ok(&["rollout", "restart", "deployment/second-place", "-n", place]).unwrap();
        admin.ok(&["scale", "deployment", "second-place", "-n", place, "--replicas=0"]).unwrap();
    }
    attempts.end();
}

#[test]
fn namespaces_that_are_protected_places_are_changed_by_no_other_user() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let mut attempts = Attempts::default();
    for place in PLACES {
        for label in ["istio-injection=disabled", "istio.io/rev=mine", "control-plane=mine"] {
            let words = ["label", "namespace", place, label, "--overwrite", "--dry-run=server"];
            let said = argo.run(&words).unwrap();
            attempts.holds(
                &format!("label {label} on {place}"),
                !said.success && said.stderr.contains("BH"),
                &said,
            );
        }
        let emptied = changed(get(&admin, &["namespace", place]), |namespace| {
            namespace["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            namespace["spec"]["finalizers"] = json!([]);
        });
        let path = format!("/api/v1/namespaces/{place}/finalize?dryRun=All");
        let said = argo.feed(&replace_raw(&path), &emptied.to_string()).unwrap();
        attempts.holds(
            &format!("finalization of {place}"),
            !said.success && said.stderr.contains("BH"),
            &said,
        );
    }
    attempts.end();
}

/// Whatever RBAC allows.
#[test]
fn member_of_another_tenant_changes_nothing_in_a_tenants_namespace() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let alice = new_tenant(&it, "second-home-a");
    let own = new_namespace(&alice, "second-home-a");
    let bob = new_tenant(&it, "second-home-b");
    let home = new_namespace(&bob, "second-home-b");
    let deployer = format!("system:serviceaccount:{home}:deployer");
    let deployer = it.cluster.powerful(&deployer, "second-home-b-rbac").unwrap();
    let both = it
        .cluster
        .user("second-both-homes", &["second-home-a-developers", "second-home-b-developers"])
        .unwrap();
    admin.apply(&pod(&own).to_string()).unwrap();
    let mut attempts = Attempts::default();
    let deny = object(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        &own,
        "second-deny",
        &json!({ "action": "DENY" }),
    )
    .to_string();
    let dry = "--dry-run=server";
    for (who, by) in [("a member", &bob), ("a service account", &deployer)] {
        let mut refused = |name: &str, arguments: &[&str], input: &str| {
            attempts.refused_by(
                &format!("{name} by {who} of another tenant"),
                by,
                arguments,
                input,
                &["BH113"],
            );
        };
        refused("policy", DRY_RUN, &deny);
        refused("service account", &["create", "serviceaccount", "second", "-n", &own, dry], "");
        refused("token", &["create", "token", "default", "-n", &own], "");
        refused(
            "template",
            &["create", "deployment", "second", "--image=registry.example.com/a:1", "-n", &own, dry],
            "",
        );
        refused(
            "debug container",
            &["debug", "app", "-n", &own, "--image=registry.example.com/a:1", "--profile=restricted"],
            "",
        );
        refused("label of the namespace", &["label", "namespace", &own, "second=b", dry], "");
        refused("annotation of a pod", &["annotate", "pod", "app", "-n", &own, "second=b", dry], "");
    }
    attempts.admitted("policy by its own member", &alice, DRY_RUN, &deny);
    attempts.admitted("policy by a member of both", &both, DRY_RUN, &deny);
    attempts.admitted("policy by the platform", &admin, DRY_RUN, &deny);
    attempts.end();
}
