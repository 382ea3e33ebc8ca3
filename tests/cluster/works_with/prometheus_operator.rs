//! The Prometheus operator, which runs Prometheus as a granted caller.

use serde_json::{Value, json};
use support::cluster::{jsonpath, namespace_labels};
use support::objects::changed;
use support::refusal::{expect_admitted, expect_refused};
use support::wait::until;

use super::{CREATE, NAMESPACE, Stage, wait_until_bound, write};

/// The rights of the operator in its documentation, as far as it uses them here.
fn rights() -> Value {
    json!([
        { "apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"] },
        { "apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"] },
        { "apiGroups": [""], "resources": ["services", "services/finalizers"], "verbs": ["get", "create", "update", "delete"] },
    ])
}

/// The StatefulSet that the operator makes of a Prometheus.
fn stateful_set(prometheus: &Value) -> Value {
    let name = format!("prometheus-{}", prometheus["metadata"]["name"].as_str().unwrap());
    let labels = json!({
        "app.kubernetes.io/managed-by": "prometheus-operator", "app.kubernetes.io/name": "prometheus",
        "operator.prometheus.io/name": prometheus["metadata"]["name"],
    });
    let container = json!({ "name": "prometheus", "image": "registry.example.com/prometheus:3" });
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": { "name": name, "namespace": prometheus["metadata"]["namespace"], "labels": labels },
        "spec": {
            "serviceName": "prometheus-operated", "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "serviceAccountName": prometheus["spec"]["serviceAccountName"], "containers": [container],
                },
            },
        },
    })
}

/// True if labels satisfy the selector of the page, which asks for keys.
fn selects(selector: &Value, labels: &Value) -> bool {
    let expressions = selector["matchExpressions"].as_array().unwrap();
    assert!(expressions.iter().all(|expression| expression["operator"] == "Exists"));
    expressions.iter().all(|expression| !labels[expression["key"].as_str().unwrap()].is_null())
}

#[test]
fn operator_runs_prometheus_and_owners_write_monitors() {
    let mut stage = Stage::of("prometheus_operator");
    let operator = stage.account("monitoring", "prometheus-operator", &rights());
    stage.apply("tenant.yaml");
    let owner = stage.owner();
    stage.create_namespace(&owner);

    // The account of Prometheus is granted, so that only the platform runs pods as it.
    let prometheus = stage.document("prometheus.yaml", "Prometheus");
    let set = stateful_set(&prometheus);
    let account = [("BH407", "metadata.namespace")];
    let dry = ["create", "--dry-run=server", "-f", "-"];
    until(|| !write(&operator, &dry, &set).success);
    expect_refused(&write(&operator, &CREATE, &set), &account);
    stage.apply_settings();
    expect_admitted(&write(&operator, &CREATE, &set));
    let stranger = changed(set, |set| set["metadata"]["name"] = json!("mine"));
    let mallory = stage.account("elsewhere", "mallory", &rights());
    expect_refused(&write(&mallory, &CREATE, &stranger), &account);

    // The selectors find the namespace of a tenant, and no other.
    let admin = stage.admin();
    for selector in ["podMonitorNamespaceSelector", "serviceMonitorNamespaceSelector"] {
        let selector = &prometheus["spec"][selector];
        assert!(selects(selector, &namespace_labels(&admin, NAMESPACE)));
        assert!(!selects(selector, &namespace_labels(&admin, "default")));
    }

    // An owner scrapes the port that the grant opens.
    wait_until_bound(&owner);
    let monitor = stage.document("monitor.yaml", "PodMonitor");
    expect_admitted(&write(&owner, &CREATE, &monitor));
    let tenant = stage.document("tenant.yaml", "Tenant");
    let port = &tenant["spec"]["grants"]["callers"][0]["ports"][0];
    assert_eq!(*port, monitor["spec"]["podMetricsEndpoints"][0]["portNumber"]);
    let policy = ["networkpolicy", "allow-granted", "-n", NAMESPACE];
    let ingress: Value = serde_json::from_str(&jsonpath(&admin, &policy, "{.spec.ingress}")).unwrap();
    let rule =
        ingress.as_array().unwrap().iter().find(|rule| rule.to_string().contains("monitoring")).unwrap();
    assert_eq!(rule["ports"][0]["port"], *port, "{ingress}");
    let elsewhere = changed(monitor, |monitor| {
        monitor["metadata"]["name"] = json!("elsewhere");
        monitor["spec"]["namespaceSelector"] = json!({ "any": true });
    });
    expect_refused(&write(&owner, &CREATE, &elsewhere), &[("BH809", "spec.namespaceSelector.any")]);
    admin.ok(&["delete", "statefulset", "--all", "-n", "monitoring"]).unwrap();
}
