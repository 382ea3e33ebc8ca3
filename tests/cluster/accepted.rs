//! The baseline of each variant of the example, as Istio and the real API server accept it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bulkhead::baseline::differences;
use bulkhead::kinds::Kind;
use bulkhead_harness::cluster::{Cluster, folder};
use bulkhead_harness::components;
use bulkhead_harness::istio::Istio;
use serde_json::{Value, json};
use support::cluster::{managed_objects, new_tenant, shared, wait_until_ready};
use support::command::bulkhead_as;
use support::objects::{authorization_policy, labelled_namespace, list};
use support::rendered::{Rendered, VARIANTS, differing, rendered};
use support::repository;
use support::wait::until;

/// Istio reports this for every EnvoyFilter.
const OF_ANY_FILTER: &str = "EnvoyFilter exposes internal implementation details";

/// The example itself and its variants: the name, and all rendered objects.
fn all() -> impl Iterator<Item = (&'static str, Rendered)> {
    let variants = VARIANTS.iter().map(|variant| (variant.name, rendered(Some(variant))));
    std::iter::once(("base", rendered(None))).chain(variants)
}

#[test]
fn rendered_variants_have_no_istioctl_findings() {
    let around = repository("examples/log-collector.yaml").display().to_string();
    let mut found = BTreeMap::new();
    for (name, objects) in all() {
        let file = folder("analyzed").unwrap().join("all.yaml");
        fs::write(&file, objects.into_values().collect::<Vec<_>>().join("---\n")).unwrap();
        let output = components::istio("istioctl")
            .unwrap()
            .args([
                "analyze",
                "--use-kube=false",
                "--all-namespaces",
                "--failure-threshold=Info",
                "-o",
                "json",
            ])
            .args([file.display().to_string(), around.clone()])
            .output()
            .unwrap();
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut findings = findings.as_array().unwrap().clone();
        // The one finding shows that the analysis ran.
        let filters = findings.len();
        findings.retain(|finding| !finding["message"].as_str().unwrap().contains(OF_ANY_FILTER));
        assert_eq!(filters - findings.len(), 1, "{name}");
        if !findings.is_empty() {
            found.insert(name, findings);
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Kind, namespace and name.
fn key(object: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, metadata) = (&object["kind"], &object["metadata"]);
    (text(kind), text(&metadata["namespace"]), text(&metadata["name"]))
}

fn kind(object: &Value) -> Option<Kind> {
    let is_it =
        |kind: &Kind| object["kind"] == kind.name() && object["apiVersion"] == kind.api_version().as_str();
    Kind::all_managed().find(is_it)
}

/// The API server and istiod's validation accept each object, and add no default to it.
#[test]
fn rendered_variants_are_stored_unchanged() {
    let cluster = Cluster::start().unwrap();
    let _istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    for source in components::POLICY_CRDS {
        source.serve(&admin).unwrap();
    }

    // An installation of the default revision validates objects with any labels. The API server calls istiod once it
    // refuses an object that only istiod refuses.
    let everything = r#"[{"op":"remove","path":"/webhooks/0/objectSelector"}]"#;
    let validator = ["patch", "validatingwebhookconfiguration", "istio-validator-istio-system"];
    admin.ok(&[&validator[..], &["--type", "json", "-p", everything]].concat()).unwrap();
    let rules = json!({ "rules": [{ "when": [{ "key": "unknown", "values": ["a"] }] }] });
    let unknown = authorization_policy("default", "unknown", &rules);
    until(|| {
        let said = admin.feed(&["create", "--dry-run=server", "-f", "-"], &unknown.to_string()).unwrap();
        said.stderr.contains("istio.io\" denied the request")
    });

    let base = rendered(None);
    let mut namespaces = BTreeSet::new();
    for (name, all) in all() {
        let (other, _) = differing(&base, &all);
        let objects = if name == "base" { &base } else { &other };
        let objects = objects.values().map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
        // Only Calico's own API server serves this group.
        let objects = objects.filter(|object| object["apiVersion"] != "projectcalico.org/v3");
        let wanted: Vec<Value> = objects.collect();
        for object in &wanted {
            let (_, namespace, _) = key(object);
            if !namespace.is_empty() && namespaces.insert(namespace.clone()) {
                admin.apply(&labelled_namespace(&namespace, &json!({})).to_string()).unwrap();
            }
        }
        if wanted.is_empty() {
            continue;
        }
        let list = list(wanted.clone());
        let arguments = ["apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-"];
        let said = admin.feed(&arguments, &list.to_string()).unwrap();
        let warnings: Vec<&str> = said.stderr.lines().filter(|line| !line.contains(OF_ANY_FILTER)).collect();
        assert!(said.success && warnings.is_empty(), "{name}: {warnings:?}");
        let found: Value = serde_json::from_str(&said.stdout).unwrap();
        let found = found["items"].as_array().cloned().unwrap_or_else(|| vec![found]);
        let found: BTreeMap<_, _> = found.iter().map(|object| (key(object), object)).collect();
        assert_eq!(found.len(), wanted.len(), "{name}");
        for object in &wanted {
            let Some(kind) = kind(object) else {
                assert_eq!(object["kind"], "Namespace", "{name}");
                continue;
            };
            let differences = differences(kind, object, found[&key(object)]);
            assert!(differences.is_empty(), "{name}: {:?}: {differences:?}", key(object));
        }
    }
}

/// `bulkhead render` reads the cluster if it gets no files.
#[test]
fn baseline_rendered_from_a_cluster_equals_the_applied_one() {
    let it = shared();
    let member = new_tenant(&it, "accepted");
    let admin = it.cluster.admin().unwrap();
    member.ok(&["create", "namespace", "tenant-accepted"]).unwrap();
    let arguments = ["render", "--tenant", "accepted"];
    let text = until(|| {
        let (code, said) = bulkhead_as(&admin, &arguments);
        assert_eq!((code, said.stderr.as_str()), (0, ""));
        said.stdout.contains("namespace: tenant-accepted").then_some(said.stdout)
    });
    wait_until_ready(&member, "tenant-accepted");
    let applied = managed_objects(&admin, "tenant-accepted");
    let printed: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    for (name, object) in applied {
        let printed = printed.iter().find(|one| key(one) == key(&object));
        let printed = printed.unwrap_or_else(|| panic!("{name} is not printed"));
        let differences = differences(kind(printed).unwrap(), printed, &object);
        assert!(differences.is_empty(), "{name}: {differences:?}");
    }
    let (code, said) = bulkhead_as(&admin, &["render", "--tenant", "nobody"]);
    assert!(code == 2 && said.stdout.is_empty() && said.stderr.contains("Tenant `nobody`"), "{said:?}");
}
