//! The reports of the audit in tenants' namespaces, of both kinds. In a cluster of its own.

use std::fs;
use std::time::Duration;

use bulkhead_harness::cluster::{Cluster, free_ports, write_pair};
use bulkhead_harness::components::{POLICY_REPORTS, REPORTS};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{SERVER_NAME, Server, controller_with, prepare, register, webhook_with};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{controller_metrics, jsonpath, wait_until_ready};
use support::metrics::samples;
use support::objects::{list, object, tenant};
use support::refusal::refused;
use support::wait::{until, within};

/// The controller writes reports twice a minute.
const ROUNDS: Duration = Duration::from_secs(100);
const IMAGE: &str = "registry.example.com/import@sha256:\
                     0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TEMPLATE_LABEL: &str = "template.metadata.labels[sidecar.istio.io/inject]";

/// A cluster in which Bulkhead writes reports.
struct Installed {
    cluster: Cluster,
    controller: Process,
    _webhook: Server,
}

fn installed(kind: &str) -> Installed {
    let cluster = Cluster::start().unwrap();
    prepare(&cluster, &BINARY).unwrap();
    let file = |name: &str| cluster.folder.join(name).display().to_string();
    let settings = file("settings.yaml");
    let header = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nregistration: Unmanaged\n";
    fs::write(&settings, format!("{header}audit: {{ reports: {kind} }}\n")).unwrap();
    let authority = Authority::new("audit-reports").unwrap();
    write_pair(&cluster.folder, "webhook", &authority.server(&[SERVER_NAME]).unwrap()).unwrap();
    let [port] = free_ports().unwrap();
    let (certificate, key) = (file("webhook.crt"), file("webhook.key"));
    let arguments = ["--settings", &settings, "--tls-cert", &certificate, "--tls-key", &key];
    let mut webhook = webhook_with(&cluster, &BINARY, port, &arguments).unwrap();
    webhook.wait_until_ready().unwrap();
    register(&cluster, &BINARY, port, &authority).unwrap();
    let controller = controller_with(&cluster, &BINARY, &["--settings", &settings]).unwrap();
    Installed { cluster, controller, _webhook: webhook }
}

impl Installed {
    /// True if the metric of the reports says that they cannot be written.
    fn is_failing(&self) -> bool {
        let metrics = controller_metrics(&self.controller);
        let mut staleness =
            samples(&metrics).filter(|sample| sample.name == "bulkhead_watch_staleness_seconds");
        let reports =
            staleness.find(|sample| sample.labels.iter().any(|(_, value)| value == "audit-reports"));
        reports.is_some_and(|reports| reports.value > 0.0)
    }

    /// Creates an observed tenant with these namespaces.
    fn observe(&self, name: &str, namespaces: &[&str]) -> Kubectl {
        let admin = self.cluster.admin().unwrap();
        let owners = json!([{ "kind": "Group", "name": format!("{name}-developers") }]);
        let spec = json!({ "enforcement": "Observe", "owners": owners });
        admin.apply(&tenant(name, &spec).to_string()).unwrap();
        let label = format!("bulkhead.dev/tenant={name}");
        for namespace in namespaces {
            admin.ok(&["create", "namespace", namespace]).unwrap();
            until(|| admin.run(&["label", "namespace", namespace, &label]).unwrap().success);
        }
        admin
    }
}

/// A Service with an address that is not its own.
fn addressed(namespace: &str) -> Value {
    let spec = json!({ "ports": [{ "port": 80 }], "externalIPs": ["192.0.2.1"] });
    object("v1", "Service", namespace, "addressed", &spec)
}

/// Extends proxies, which only the platform may do.
fn filter(namespace: &str) -> Value {
    object("networking.istio.io/v1alpha3", "EnvoyFilter", namespace, "filter", &json!({}))
}

/// A template of a pod outside the mesh.
fn template(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PodTemplate", "metadata": { "name": "import", "namespace": namespace },
        "template": {
            "metadata": { "labels": { "sidecar.istio.io/inject": "false" } },
            "spec": { "serviceAccountName": "import", "containers": [{ "name": "import", "image": IMAGE }] },
        },
    })
}

fn exemption(namespace: &str) -> Value {
    let target = json!({
        "namespace": namespace, "kind": "PodTemplate", "name": "import", "serviceAccount": "import", "images": [IMAGE],
    });
    json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Exemption", "metadata": { "name": "vendor-import" },
        "spec": {
            "rules": ["BH301", "BH302"], "target": target, "reason": "SEC-1412", "expires": "2100-01-01T00:00:00Z",
        },
    })
}

/// The report of a namespace; `null` without one.
fn report(kubectl: &Kubectl, kind: &str, namespace: &str) -> Value {
    let shown = kubectl.run(&["get", kind, "bulkhead-audit", "-n", namespace, "-o", "json"]).unwrap();
    serde_json::from_str(&shown.stdout).unwrap_or_default()
}

/// Result, rule, field and kind of the object of each result.
fn results(report: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = report["results"].as_array().into_iter().flatten();
    results
        .map(|found| {
            [
                &found["result"],
                &found["policy"],
                &found["properties"]["field"],
                &found["resources"][0]["kind"],
            ]
            .map(text)
        })
        .collect()
}

/// Waits until the report has exactly these results.
fn until_reported(admin: &Kubectl, kind: &str, namespace: &str, expected: &[[&str; 4]]) -> Value {
    let mut found = Value::Null;
    within(ROUNDS, || {
        found = report(admin, kind, namespace);
        results(&found) == expected
    });
    found
}

#[test]
fn findings_are_reported_to_owners_until_they_are_corrected() {
    const KIND: &str = "reports.openreports.io";
    let it = installed("openreports.io/v1alpha1");
    let (one, two) = ("legacy-one", "legacy-two");
    let admin = it.observe("ar-open", &[one, two]);
    admin.apply(&list([addressed(one), template(one), exemption(one), addressed(two)]).to_string()).unwrap();

    // Without the kind the controller does the rest of its work, and says what is missing.
    within(ROUNDS, || it.is_failing());
    assert!(it.controller.log().contains("does not serve Report of openreports.io/v1alpha1"));
    until(|| !jsonpath(&admin, &["tenant", "ar-open"], "{.status.audit.digest}").is_empty());
    REPORTS.serve(&admin).unwrap();
    let exempted = ["skip", "BH302", TEMPLATE_LABEL, "PodTemplate"];
    let observed = ["warn", "BH801", "spec.externalIPs[0]", "Service"];
    until_reported(&admin, KIND, one, &[observed, exempted]);
    within(ROUNDS, || !it.is_failing());

    let digest = jsonpath(&admin, &["tenant", "ar-open"], "{.status.audit.digest}");
    let enforce = json!({ "spec": { "enforcement": "Enforce", "acknowledgedFindings": digest } }).to_string();
    admin.ok(&["patch", "tenant", "ar-open", "--type=merge", "-p", &enforce]).unwrap();
    wait_until_ready(&admin, one);
    let refused_now = ["fail", "BH801", "spec.externalIPs[0]", "Service"];
    let found = until_reported(&admin, KIND, one, &[refused_now, exempted]);
    assert_eq!(found["summary"], json!({ "fail": 1, "error": 0, "warn": 0, "skip": 1 }));
    let service = json!({ "apiVersion": "v1", "kind": "Service", "name": "addressed", "namespace": one });
    assert_eq!(found["results"][0]["resources"], json!([service]));
    let properties = json!({
        "exemption": "vendor-import", "expires": "2100-01-01T00:00:00Z", "reason": "SEC-1412", "field": TEMPLATE_LABEL,
    });
    assert_eq!(found["results"][1]["properties"], properties);

    expect_read_only(&it, &admin, KIND, one);

    // A round repairs the report of the second namespace, and leaves that of the first as it is.
    until_reported(&admin, KIND, two, &[refused_now]);
    let version = report(&admin, KIND, one)["metadata"]["resourceVersion"].clone();
    admin.ok(&["delete", KIND, "bulkhead-audit", "-n", two]).unwrap();
    until_reported(&admin, KIND, two, &[refused_now]);
    assert_eq!(report(&admin, KIND, one)["metadata"]["resourceVersion"], version);

    admin.ok(&["delete", "service/addressed", "podtemplate/import", "-n", one]).unwrap();
    within(ROUNDS, || report(&admin, KIND, one).is_null());
    // So does the report of a namespace that is no tenant's any more.
    admin.ok(&["label", "namespace", two, "bulkhead.dev/tenant-"]).unwrap();
    within(ROUNDS, || report(&admin, KIND, two).is_null());
}

/// Owners read the report. Neither they nor another account to which RBAC allows everything change it.
fn expect_read_only(it: &Installed, admin: &Kubectl, kind: &str, namespace: &str) {
    let owner = it.cluster.user("ar-owner", &["ar-open-developers"]).unwrap();
    until(|| !report(&owner, kind, namespace).is_null());
    let may = |verb: &str| owner.run(&["auth", "can-i", verb, kind, "-n", namespace]).unwrap().success;
    assert!(may("list") && may("watch"));
    for verb in ["create", "update", "patch", "delete", "deletecollection"] {
        assert!(!may(verb), "{verb}");
    }
    let deployer = it.cluster.powerful("ar-deployer", "ar-deployers").unwrap();
    let empty = r#"{"results":[],"summary":{"fail":0}}"#;
    let patch = ["patch", kind, "bulkhead-audit", "-n", namespace, "--type=merge", "-p", empty];
    refused(&deployer, &patch, "", &[("BH905", "metadata.name")]);
    let named = |name: &str| {
        let metadata = json!({ "name": name, "namespace": namespace });
        json!({ "apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": metadata }).to_string()
    };
    refused(&deployer, &["create", "-f", "-"], &named("bulkhead-clean"), &[("BH905", "metadata.name")]);
    // The reports of other tools are their own.
    deployer.feed(&["create", "-f", "-"], &named("scanner")).unwrap();
    admin.ok(&["delete", kind, "scanner", "-n", namespace]).unwrap();
}

#[test]
fn findings_are_reported_as_policy_reports() {
    const KIND: &str = "policyreports.wgpolicyk8s.io";
    let it = installed("wgpolicyk8s.io/v1alpha2");
    POLICY_REPORTS.serve(&it.cluster.admin().unwrap()).unwrap();
    let namespace = "legacy-policy";
    let admin = it.observe("ar-policy", &[namespace]);
    admin.apply(&list([filter(namespace), template(namespace), exemption(namespace)]).to_string()).unwrap();
    let exempted = ["skip", "BH302", TEMPLATE_LABEL, "PodTemplate"];
    let extended = ["warn", "BH907", "kind", "EnvoyFilter"];
    let found = until_reported(&admin, KIND, namespace, &[extended, exempted]);
    assert_eq!(found["results"][0]["severity"], "high");
    assert_eq!(found["results"][1]["properties"]["expires"], "2100-01-01T00:00:00Z");
    admin.ok(&["delete", "envoyfilter/filter", "podtemplate/import", "-n", namespace]).unwrap();
    within(ROUNDS, || report(&admin, KIND, namespace).is_null());
}
