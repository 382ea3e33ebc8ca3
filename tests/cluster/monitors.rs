//! Kinds of the Prometheus operator, and the audit's list of kinds that Bulkhead does not know. An owner of a tenant writes
//! them with the rights of the baseline alone.

use std::collections::BTreeSet;

use bulkhead::audit::is_known;
use bulkhead::kinds::HARMLESS_KINDS;
use bulkhead::settings::Settings;
use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::components::{PROMETHEUS_RULES, RESERVED_MONITORING_CRDS};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::command::{bulkhead_as, bulkhead_with};
use support::objects::{changed, list, object, tenant};
use support::refusal::{Violation, expect_admitted, expect_refused, refused};
use support::wait::until;

const VERSION: &str = "monitoring.coreos.com/v1";
/// The two kinds, each with the list of its endpoints.
const MONITORS: [(&str, &str); 2] = [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")];

/// An owner of a new tenant who has only the rights of the baseline, and a namespace of the tenant.
fn owner(it: &Installation, name: &str) -> (Kubectl, String) {
    let namespace = new_namespace(&new_tenant(it, name), name);
    let user = format!("{name}-plain");
    let owners = json!({ "owners": [{ "kind": "User", "name": user }] });
    it.cluster.admin().unwrap().apply(&tenant(name, &owners).to_string()).unwrap();
    let plain = it.cluster.user(&user, &[]).unwrap();
    until(|| plain.run(&["auth", "can-i", "create", "podmonitors", "-n", &namespace]).unwrap().success);
    (plain, namespace)
}

fn monitor((kind, endpoints): (&str, &str), namespace: &str, endpoint: &Value) -> Value {
    object(VERSION, kind, namespace, "own", &json!({ "selector": {}, endpoints: [endpoint] }))
}

/// Parts of an endpoint that make Prometheus call or read something of others, each with the path of the refused field.
fn attacks() -> Vec<(Value, &'static str)> {
    let relabeling = |relabeling: Value| (json!({ "relabelings": [relabeling] }), "relabelings[0]");
    let oauth2 = |field: &str, value: &str| {
        let secret = json!({ "name": "client", "key": "id" });
        let mut oauth2 = json!({
            "clientId": { "secret": secret }, "clientSecret": secret, "tokenUrl": "https://10.0.0.1/token",
        });
        oauth2[field] = json!(value);
        json!({ "oauth2": oauth2 })
    };
    vec![
        relabeling(json!({ "targetLabel": "__address__", "replacement": "web.tenant-other.svc:80" })),
        relabeling(json!({ "action": "Replace", "targetLabel": "__address__", "sourceLabels": ["a"] })),
        relabeling(json!({ "action": "LabelMap", "regex": "a", "replacement": "__address__" })),
        relabeling(json!({ "targetLabel": "__scheme__", "replacement": "http://10.0.0.1/?" })),
        relabeling(json!({ "targetLabel": "__meta_kubernetes_pod_label___address__" })),
        (json!({ "proxyUrl": "http://10.0.0.1" }), "proxyUrl"),
        (oauth2("tokenUrl", "http://10.0.0.1/token"), "oauth2.tokenUrl"),
    ]
}

/// Files that only an endpoint of a ServiceMonitor can name.
const FILES: [&str; 4] = ["bearerTokenFile", "tlsConfig.caFile", "tlsConfig.certFile", "tlsConfig.keyFile"];

#[test]
fn monitor_that_calls_others_is_refused() {
    let it = shared();
    let (owner, namespace) = owner(&it, "mon-attack");
    let foreign = new_namespace(&new_tenant(&it, "mon-theirs"), "mon-theirs");
    for kind in MONITORS {
        for (endpoint, field) in attacks() {
            let path = format!("spec.{}[0].{field}", kind.1);
            let object = monitor(kind, &namespace, &endpoint).to_string();
            refused(&owner, &["create", "-f", "-"], &object, &[("BH809", &path)]);
            refused(&owner, &["apply", "--server-side", "-f", "-"], &object, &[("BH809", &path)]);
        }
        let spec: [(Value, &str); 4] = [
            (json!({ "namespaceSelector": { "any": true } }), "spec.namespaceSelector.any"),
            (
                json!({ "namespaceSelector": { "matchNames": [namespace, foreign] } }),
                "spec.namespaceSelector.matchNames[1]",
            ),
            (json!({ "namespaceSelector": { "matchNames": [""] } }), "spec.namespaceSelector.matchNames[0]"),
            (json!({ "scrapeClass": "kubelet" }), "spec.scrapeClass"),
        ];
        for (fields, path) in spec {
            let object = changed(monitor(kind, &namespace, &json!({})), |object| {
                object["spec"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            });
            refused(&owner, &["create", "-f", "-"], &object.to_string(), &[("BH809", path)]);
        }
    }
    for file in FILES {
        let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        let endpoint = match file.split_once('.') {
            Some((config, file)) => json!({ config: { file: token } }),
            None => json!({ file: token }),
        };
        let object = monitor(MONITORS[0], &namespace, &endpoint).to_string();
        let path = format!("spec.endpoints[0].{file}");
        refused(&owner, &["create", "-f", "-"], &object, &[("BH809", &path)]);
    }
}

/// Monitors as charts write them.
fn honest(namespace: &str) -> Value {
    let endpoint = json!({
        "port": "http", "path": "/metrics", "scheme": "https", "honorLabels": true, "interval": "30s",
        "basicAuth": { "username": { "name": "metrics", "key": "user" }, "password": { "name": "metrics", "key": "word" } },
        "tlsConfig": { "insecureSkipVerify": true, "ca": { "configMap": { "name": "ca", "key": "ca.crt" } } },
        "relabelings": [
            { "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)" },
            { "sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node" },
            { "targetLabel": "__scheme__", "replacement": "https" },
        ],
        "metricRelabelings": [{ "action": "drop", "sourceLabels": ["__name__"], "regex": "go_.*" }],
    });
    let monitors = MONITORS.map(|kind| {
        changed(monitor(kind, namespace, &endpoint), |monitor| {
            monitor["spec"]["namespaceSelector"] = json!({ "matchNames": [namespace] });
        })
    });
    list(monitors)
}

#[test]
fn update_of_a_monitor_is_judged() {
    let it = shared();
    let (owner, namespace) = owner(&it, "mon-edit");
    expect_admitted(&owner.feed(&["create", "-f", "-"], &honest(&namespace).to_string()).unwrap());
    for (kind, endpoints) in MONITORS {
        let of_object = ["-n", &namespace, kind, "own"];
        let edit = |operation: &Value| {
            let operations = json!([operation]).to_string();
            owner.run(&[&["patch"], &of_object[..], &["--type=json", "-p", &operations]].concat()).unwrap()
        };
        let relabeling = format!("spec.{endpoints}[0].relabelings[1]");
        let target = format!("/spec/{endpoints}/0/relabelings/1/targetLabel");
        let attack = json!({ "op": "replace", "path": target, "value": "__address__" });
        expect_refused(&edit(&attack), &[("BH809", &relabeling)]);
        let any = json!({ "op": "add", "path": "/spec/namespaceSelector/any", "value": true });
        expect_refused(&edit(&any), &[("BH809", "spec.namespaceSelector.any")]);

        // The operator configures Prometheus with an object until it is gone.
        let finalizers =
            json!({ "op": "add", "path": "/metadata/finalizers", "value": ["example.com/kept"] });
        expect_admitted(&edit(&finalizers));
        owner.ok(&[&["delete", "--wait=false"], &of_object[..]].concat()).unwrap();
        expect_refused(&edit(&attack), &[("BH809", &relabeling)]);
        expect_admitted(&edit(&json!({ "op": "remove", "path": "/metadata/finalizers" })));
    }
}

/// Other kinds of the operator, with the schemas that it serves.
#[test]
fn monitoring_kind_that_names_any_address_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "mon-kinds");
    let namespace = new_namespace(&member, "mon-kinds");
    for source in &RESERVED_MONITORING_CRDS {
        source.serve(&admin).unwrap();
    }
    let probe = json!({
        "prober": { "url": "10.0.0.1:80" }, "targets": { "staticConfig": { "static": ["http://web.tenant-other"] } },
    });
    let scrape = json!({ "staticConfigs": [{ "targets": ["web.tenant-other.svc:80"] }] });
    for (version, kind, spec) in [("v1", "Probe", &probe), ("v1alpha1", "ScrapeConfig", &scrape)] {
        let object =
            object(&format!("monitoring.coreos.com/{version}"), kind, &namespace, "own", spec).to_string();
        let expected: &[Violation<'_>] = &[("BH905", "kind")];
        refused(&member, &["create", "-f", "-"], &object, expected);
        refused(&member, &["apply", "--server-side", "-f", "-"], &object, expected);
        admin.apply(&object).unwrap();
        let change = json!({ "metadata": { "labels": { "release": "prometheus" } } }).to_string();
        let patch = ["patch", kind, "own", "-n", &namespace, "--type=merge", "-p", &change];
        expect_refused(&member.run(&patch).unwrap(), expected);
        member.ok(&["delete", kind, "own", "-n", &namespace]).unwrap();
    }
}

/// The notes about kinds that Bulkhead does not know.
fn notes(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("no rule judges this kind")).collect()
}

#[test]
fn audit_counts_objects_of_unknown_kinds() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let namespace = new_namespace(&new_tenant(&it, "mon-audit"), "mon-audit");
    let other = new_namespace(&new_tenant(&it, "monother"), "monother");
    PROMETHEUS_RULES.serve(&admin).unwrap();
    let rule = |namespace: &str, name: &str| {
        let rules = json!([{ "record": "a", "expr": "b" }]);
        object(
            VERSION,
            "PrometheusRule",
            namespace,
            name,
            &json!({ "groups": [{ "name": "a", "rules": rules }] }),
        )
    };
    let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": namespace } });
    let lease = object("coordination.k8s.io/v1", "Lease", &namespace, "a", &json!({}));
    let rules =
        [rule(&namespace, "one"), rule(&namespace, "two"), rule(&other, "three"), rule("default", "four")];
    admin.apply(&list(rules.into_iter().chain([config, lease])).to_string()).unwrap();

    let (code, said) = bulkhead_as(&admin, &["audit", "-n", &namespace]);
    assert_eq!((code, said.stdout.as_str()), (0, ""), "{said:?}");
    let [note] = notes(&said.stderr)[..] else { panic!("{said:?}") };
    assert!(note.starts_with("PrometheusRule: 2 objects in tenants' namespaces"), "{note}");
    assert!(said.stderr.ends_with(&format!("{note}\n")), "{said:?}");
    let (_, everywhere) = bulkhead_as(&admin, &["audit"]);
    assert!(
        notes(&everywhere.stderr).iter().any(|note| note.starts_with("PrometheusRule: 3 ")),
        "{everywhere:?}"
    );

    let kind = "{ group: monitoring.coreos.com, kind: PrometheusRule, resource: prometheusrules }";
    assert!(note.contains(&kind.replace("{ ", "{").replace(" }", "}")), "{note}");
    let settings = std::env::temp_dir().join(format!("bulkhead-kinds-{}.yaml", std::process::id()));
    for key in ["reservedKinds", "reviewedKinds"] {
        let text =
            format!("apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nplatform: {{ {key}: [{kind}] }}\n");
        std::fs::write(&settings, text).unwrap();
        let (_, said) = bulkhead_with(&admin, &["audit", "-n", &namespace], &settings.display().to_string());
        assert_eq!(notes(&said.stderr), [""; 0], "{key}: {said:?}");
        assert_eq!(
            said.stdout.matches(": BH905 kind: ").count(),
            if key == "reservedKinds" { 2 } else { 0 },
            "{said:?}"
        );
    }
    std::fs::remove_file(settings).unwrap();
}

/// Kinds of Kubernetes that tenants should not write: the audit lists their objects.
const LISTED: &[(&str, &str)] = &[
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceclaimtemplates"),
    ("storage.k8s.io", "csistoragecapacities"),
];

#[test]
fn kinds_of_kubernetes_are_known() {
    let cluster = Cluster::start().unwrap();
    let admin = cluster.admin().unwrap();
    let text = admin.ok(&["api-resources", "--namespaced", "--verbs=create,list", "-o", "name"]).unwrap();
    let served: BTreeSet<(&str, &str)> = text
        .lines()
        .map(|name| name.split_once('.').map_or(("", name), |(plural, group)| (group, plural)))
        .collect();
    let settings = Settings::default();
    let unknown: Vec<_> =
        served.iter().filter(|(group, plural)| !is_known(&settings, group, plural)).collect();
    assert_eq!(unknown, LISTED.iter().collect::<Vec<_>>());
    let harmless = HARMLESS_KINDS.iter().map(|[group, _, plural]| (*group, *plural));
    let unserved: Vec<_> = harmless.filter(|kind| !served.contains(kind)).collect();
    assert!(unserved.is_empty(), "{unserved:?}");
}
