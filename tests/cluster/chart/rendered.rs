use std::fs;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::components::{CERT_MANAGER_CRDS, PROMETHEUS_RULES};
use bulkhead_harness::helm::Helm;
use bulkhead_harness::program::{NAMESPACE, printed};
use serde_json::{Value, json};
use support::documents::files_below;
use support::objects::list;
use support::{BINARY, repository};

use super::{chart, documented};

/// Helm as a user of no cluster.
fn helm() -> Helm {
    Helm::without_cluster().unwrap()
}

/// The objects that the chart renders with these arguments.
pub(super) fn rendered(arguments: &[&str]) -> Vec<Value> {
    let command = ["template", "bulkhead", &chart(), "--namespace", NAMESPACE];
    objects(&helm().ok(&[&command[..], arguments].concat()).unwrap())
}

pub(super) fn objects(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The object without the labels and annotations that say how it was installed.
pub(super) fn without_release(mut object: Value) -> Value {
    for part in ["labels", "annotations"] {
        if let Some(Value::Object(entries)) = object["metadata"].get_mut(part) {
            entries.retain(|key, _| !key.starts_with("app.kubernetes.io/") && !key.contains("helm.sh/"));
            if entries.is_empty() {
                object["metadata"].as_object_mut().unwrap().remove(part);
            }
        }
    }
    object
}

/// The value with integers instead of decimal numbers without a fraction, as Helm writes them.
fn with_integers(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(with_integers).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, with_integers(value))).collect(),
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            text.strip_suffix(".0")
                .and_then(|integer| integer.parse::<i64>().ok())
                .map_or(json!(number), Value::from)
        }
        other => other,
    }
}

/// Kind, namespace and name.
fn identity(object: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"])]
}

fn values_files() -> Vec<String> {
    let files = files_below("deploy/chart/ci", "yaml");
    assert!(files.len() > 2, "{files:?}");
    files.iter().map(|file| repository(file).display().to_string()).collect()
}

#[test]
fn kinds_and_permissions_are_those_of_manifests() {
    for namespace in [NAMESPACE, "isolation"] {
        let namespaces = format!("--set=settings.platform.namespaces={{{namespace}}}");
        let rendered = rendered(&["--namespace", namespace, &namespaces]);
        let manifests = printed(&BINARY, &["crds", "rbac", "--namespace", namespace]).unwrap();
        let expected = objects(&manifests);
        assert!(expected.len() > 20);
        for object in &expected {
            let found = rendered.iter().find(|found| identity(found) == identity(object));
            let found = found.unwrap_or_else(|| panic!("{:?} is not rendered", identity(object)));
            assert_eq!(with_integers(without_release(found.clone())), with_integers(object.clone()));
        }
        let permissions =
            ["CustomResourceDefinition", "Role", "ClusterRole", "RoleBinding", "ServiceAccount"];
        let others = rendered.iter().filter(|object| {
            permissions.contains(&object["kind"].as_str().unwrap())
                && !expected.iter().any(|expected| identity(expected) == identity(object))
        });
        let others: Vec<_> = others.map(|object| identity(object)[2].clone()).collect();
        assert_eq!(others, ["bulkhead-unregister", "bulkhead-unregister"]);
    }
}

/// `bulkhead manifests rbac --settings` lists the kinds of the settings too.
#[test]
fn controller_may_list_the_kinds_of_the_settings() {
    let values = repository("deploy/chart/ci/every-value-values.yaml").display().to_string();
    let rendered = rendered(&["-f", &values]);
    let role = rendered.iter().find(|object| {
        object["kind"] == "ClusterRole" && object["metadata"]["name"] == "bulkhead-controller"
    });
    let rules = role.unwrap()["rules"].as_array().unwrap();
    for (group, resource) in [("argoproj.io", "rollouts"), ("kustomize.toolkit.fluxcd.io", "kustomizations")]
    {
        let list = json!({ "apiGroups": [group], "resources": [resource], "verbs": ["list"] });
        assert!(rules.contains(&list), "{rules:?}");
    }
}

#[test]
fn services_of_dns_may_be_read_where_the_settings_say() {
    for (values, namespace) in [
        (&[][..], "kube-system"),
        (&["--set=settings.network.dns.preset=OpenShift"], "openshift-dns"),
        (&["--set=settings.network.dns.preset=OpenShift", "--set=settings.network.dns.namespace=dns"], "dns"),
    ] {
        let rendered = rendered(values);
        let roles = rendered.iter().filter(|object| {
            object["kind"] == "Role" && object["rules"][0]["resources"] == json!(["services"])
        });
        let namespaces: Vec<&Value> = roles.map(|role| &role["metadata"]["namespace"]).collect();
        assert_eq!(namespaces, [namespace, namespace], "{values:?}");
    }
}

#[test]
fn network_policy_is_that_of_manifests() {
    let rendered = rendered(&[
        "--set=networkPolicy.enabled=true",
        "--set=networkPolicy.apiServerCIDRs={192.0.2.10/32}",
        "--set=networkPolicy.metricsFrom={monitoring}",
    ]);
    let policy = rendered.into_iter().find(|object| object["kind"] == "NetworkPolicy").unwrap();
    let arguments = ["network", "--api-servers", "192.0.2.10", "--metrics-from", "monitoring"];
    assert_eq!(vec![without_release(policy)], objects(&printed(&BINARY, &arguments).unwrap()));
}

/// The values of docs/install.md.
#[test]
fn documented_values_set_image_and_settings() {
    let values = documented("values.yaml").join("values.yaml").display().to_string();
    let rendered = rendered(&["-f", &values]);
    let of_kind = |kind: &str| rendered.iter().find(|object| object["kind"] == kind).unwrap();
    let settings = of_kind("ConfigMap")["data"]["settings.yaml"].as_str().unwrap();
    let settings: Value = serde_saphyr::from_str(settings).unwrap();
    let users = json!(["system:serviceaccount:argocd:platform"]);
    assert_eq!((&settings["mesh"]["revision"], &settings["platform"]["users"]), (&json!("stable"), &users));
    let pod = &of_kind("Deployment")["spec"]["template"]["spec"];
    let image = pod["containers"][0]["image"].as_str().unwrap();
    assert!(image.starts_with("registry.example.com/platform/bulkhead:"), "{image}");
}

/// The rendered object of this kind and name.
fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
}

/// True if the labels have every label of the selector, which has some.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().unwrap();
    !selector.is_empty() && selector.iter().all(|(key, value)| labels[key] == *value)
}

#[test]
fn service_monitor_scrapes_every_pod_of_both_components_once() {
    let rendered = rendered(&["--set=serviceMonitor.enabled=true"]);
    let monitor = &find(&rendered, "ServiceMonitor", "bulkhead")["spec"];
    let services = rendered.iter().filter(|object| {
        object["kind"] == "Service"
            && selects(&monitor["selector"]["matchLabels"], &object["metadata"]["labels"])
    });
    let [service] = services.collect::<Vec<_>>()[..] else { panic!("not one Service is selected") };
    assert_eq!(monitor["namespaceSelector"]["matchNames"], json!([NAMESPACE]));
    let port = &service["spec"]["ports"][0];
    assert_eq!((&monitor["endpoints"][0]["port"], &port["targetPort"]), (&port["name"], &json!("admin")));
    for name in ["bulkhead-webhook", "bulkhead-controller"] {
        let pod = &find(&rendered, "Deployment", name)["spec"]["template"];
        assert!(selects(&service["spec"]["selector"], &pod["metadata"]["labels"]), "{name}");
        let ports = pod["spec"]["containers"][0]["ports"].as_array().unwrap();
        assert!(ports.iter().any(|port| port["name"] == "admin"), "{name}: {ports:?}");
    }
}

#[test]
fn alerts_and_dashboard_are_those_of_the_files() {
    let file = |name: &str| {
        fs::read_to_string(repository(&format!("deploy/chart/files/monitoring/{name}"))).unwrap()
    };
    let enabled = ["--set=prometheusRule.enabled=true", "--set=grafana.enabled=true"];
    let at_home = rendered(&enabled);
    let expected: Value = serde_saphyr::from_str(&file("prometheus-rule.yaml")).unwrap();
    assert_eq!(find(&at_home, "PrometheusRule", "bulkhead")["spec"], expected["spec"]);
    let dashboard = find(&at_home, "ConfigMap", "bulkhead-dashboard");
    assert_eq!(dashboard["data"]["grafana-dashboard.json"], file("grafana-dashboard.json"));
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");

    let elsewhere =
        ["--namespace=isolation", "--set=settings.platform.namespaces={isolation}", "--set=adminPort=8090"];
    let elsewhere = rendered(&[&enabled[..], &elsewhere].concat());
    let text = find(&elsewhere, "PrometheusRule", "bulkhead").to_string();
    assert!(!text.contains(NAMESPACE) && !text.contains(":8080"), "{text}");
    assert!(text.contains("-n isolation get pods") && text.contains("isolation/pods/POD:8090"), "{text}");
}

/// The controller owns them: a rendered one would reset the CA bundle and the failure policy at each upgrade.
#[test]
fn values_files_pass_lint_and_render_no_webhook_configuration() {
    for file in values_files() {
        helm().ok(&["lint", "--strict", &chart(), "--namespace", NAMESPACE, "-f", &file]).unwrap();
        let rendered = rendered(&["-f", &file]);
        assert!(rendered.len() > 10);
        for object in rendered {
            assert!(!object["kind"].as_str().unwrap().ends_with("WebhookConfiguration"), "{object}");
        }
    }
}

#[test]
fn unknown_values_and_a_policy_without_api_servers_are_errors() {
    for (value, named) in [
        ("webhook.replica=2", "/webhook/replica"),
        ("settings.mesh.revison=x", "/settings/mesh"),
        ("settings.registration=Never", "/settings/registration"),
        ("certificates.mode=none", "/certificates/mode"),
        ("image.digest=latest", "/image/digest"),
        ("networkPolicy.enabled=true", "networkPolicy.apiServerCIDRs"),
    ] {
        let command = ["template", "bulkhead", &chart(), "--namespace", NAMESPACE, "--set", value];
        let said = helm().run(&command).unwrap();
        assert!(!said.success && said.stderr.contains(named), "{value}: {said:?}");
    }
    let said = helm().run(&["template", "bulkhead", &chart(), "--namespace", "isolation"]).unwrap();
    assert!(!said.success && said.stderr.contains("settings.platform.namespaces"), "{said:?}");
}

#[test]
fn api_server_accepts_every_rendered_object() {
    let cluster = Cluster::start().unwrap();
    let admin = cluster.admin().unwrap();
    for crd in CERT_MANAGER_CRDS.iter().chain([&PROMETHEUS_RULES]) {
        crd.serve(&admin).unwrap();
    }
    for namespace in [NAMESPACE, "bulkhead-probe", "monitoring"] {
        admin.ok(&["create", "namespace", namespace]).unwrap();
    }
    for file in values_files() {
        let list = list(rendered(&["-f", &file])).to_string();
        let said = admin.feed(&["apply", "--server-side", "--dry-run=server", "-f", "-"], &list).unwrap();
        assert!(said.success, "{file}: {said:?}");
    }
}
