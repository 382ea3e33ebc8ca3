//! The tables of fields beside the schemas that the real API server serves.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead::audit::{Comparison, kinds_in};
use bulkhead::kinds::{Kind, Operation, Resource};
use bulkhead::policy::fields::{rows, table};
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{alone, jsonpath, new_namespace, new_tenant, shared, wait_for_default_account};
use support::command::bulkhead_as;
use support::objects::peer_authentication;
use support::refusal::{expect_refused, expect_warned, violations};
use support::wait::until;

/// Rows for fields of the Prometheus operator v0.95: the test clusters have the CRDs of v0.85.
const NEWER: &[(Kind, &[&str])] = &[
    (
        Kind::ServiceMonitor,
        &["spec.extraScrapeMetrics", "spec.scrapeNativeHistograms", "spec.serviceDiscoveryRole"],
    ),
    (Kind::PodMonitor, &["spec.extraScrapeMetrics", "spec.scrapeNativeHistograms", "status"]),
];

fn get(kubectl: &Kubectl, path: &str) -> Value {
    serde_json::from_str(&kubectl.ok(&["get", "--raw", path]).unwrap()).unwrap()
}

/// The judged kinds, each compared with its schema in every version that the API server serves.
fn compared(kubectl: &Kubectl) -> BTreeMap<Kind, Comparison> {
    let mut compared: BTreeMap<Kind, Comparison> = BTreeMap::new();
    let index = get(kubectl, "/openapi/v3");
    for path in index["paths"].as_object().unwrap().keys() {
        let kinds = kinds_in(path);
        if kinds.is_empty() {
            continue;
        }
        let document = get(kubectl, &format!("/openapi/v3/{path}"));
        for kind in kinds {
            compared.entry(kind).or_default().add(kind, &document);
        }
    }
    compared
}

#[test]
fn tables_list_exactly_the_served_fields() {
    let it = shared();
    let mut compared = compared(&it.cluster.admin().unwrap());
    let connections: Vec<Kind> = connections().map(|resource| resource.kind).collect();
    let judged =
        Kind::ALL.iter().copied().filter(|kind| kind.entry().is_some() && !connections.contains(kind));
    let mut wrong = Vec::new();
    for kind in judged {
        let name = kind.name();
        let comparison = compared.remove(&kind).unwrap_or_default();
        let unlisted = comparison.unlisted.iter();
        wrong.extend(
            unlisted.map(|path| format!("{name}: no row of the table lists the served field {path}")),
        );
        let mut unserved = comparison.unserved_rows(kind);
        for path in NEWER.iter().filter(|(newer, _)| *newer == kind).flat_map(|(_, paths)| *paths) {
            if !unserved.remove(*path) {
                wrong.push(format!("{name}: {path} is served, so that it need not be listed as newer"));
            }
        }
        wrong.extend(
            unserved.iter().map(|path| format!("{name}: no served version has the field of the row {path}")),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn connections() -> impl Iterator<Item = Resource> {
    Resource::all().filter(|resource| resource.operations == [Operation::Connect])
}

/// The API server makes the options of a connection of the parameters of its path.
#[test]
fn tables_of_connections_list_exactly_the_parameters() {
    let it = shared();
    let document = get(&it.cluster.admin().unwrap(), "/openapi/v3/api/v1");
    for connection in connections() {
        let Resource { plural, subresource, .. } = connection;
        let path = format!("/api/v1/namespaces/{{namespace}}/{plural}/{{name}}/{subresource}");
        let parameters = document["paths"][&path]["parameters"].as_array().unwrap();
        let of_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let served = of_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned());
        let listed = rows(table(connection.kind), |_| false).into_iter().map(|row| row.path);
        let listed = listed.filter(|path| !["apiVersion", "kind"].contains(&path.as_str()));
        assert_eq!(listed.collect::<BTreeSet<_>>(), served.collect(), "{path}");
    }
}

/// The webhook's account may read little, but every authenticated user may read the schemas.
#[test]
fn audit_names_served_fields_that_no_table_lists() {
    const NAMED: &str = "VirtualService: the cluster serves `spec.newField`";
    let it = alone();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "fi-served");
    let namespace = new_namespace(&member, "fi-served");
    let webhook = it.cluster.service_account("bulkhead-system", "bulkhead").unwrap();
    let audit = |kubectl| bulkhead_as(kubectl, &["audit", "-n", &namespace]);
    let (code, said) = audit(&admin);
    assert!(code == 0 && !said.stderr.contains("serves"), "{said:?}");

    let crd = "crd/virtualservices.networking.istio.io";
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/newField";
    let change = |operation: &Value| {
        let operations = json!([operation]).to_string();
        admin.ok(&["patch", crd, "--type=json", "-p", &operations]).unwrap();
    };
    change(&json!({ "op": "add", "path": schema, "value": { "type": "string" } }));
    let with_field = until(|| Some(audit(&admin)).filter(|(_, said)| said.stderr.contains(NAMED)));
    let (_, unprivileged) = audit(&webhook);
    change(&json!({ "op": "remove", "path": schema }));
    until(|| !audit(&admin).1.stderr.contains(NAMED));

    assert_eq!((with_field.0, with_field.1.stdout.as_str()), (0, ""), "{with_field:?}");
    assert!(with_field.1.stderr.starts_with(NAMED), "{with_field:?}");
    assert!(unprivileged.stderr.starts_with(NAMED), "{unprivileged:?}");
}

/// A field that a newer CRD adds is refused, and is a warning on an object that already has it.
#[test]
fn field_that_no_table_lists_is_refused() {
    let it = alone();
    let admin = it.cluster.admin().unwrap();
    let namespace = "legacy-fi-new";
    admin.ok(&["create", "namespace", namespace]).unwrap();
    wait_for_default_account(&admin, namespace);
    let crd = "crd/peerauthentications.security.istio.io";
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/newField";
    let change = |operation: &Value| {
        let operations = json!([operation]).to_string();
        admin.ok(&["patch", crd, "--type=json", "-p", &operations]).unwrap();
    };
    let policy = |name: &str| {
        let selector = json!({ "matchLabels": { "app": "web" } });
        let spec = json!({ "selector": selector, "mtls": { "mode": "STRICT" }, "newField": "a" });
        peer_authentication(namespace, name, &spec).to_string()
    };
    change(&json!({ "op": "add", "path": schema, "value": { "type": "string" } }));
    // The API server drops the field until it serves the new schema.
    until(|| {
        admin.apply(&policy("old")).unwrap();
        jsonpath(&admin, &["peerauthentication", "old", "-n", namespace], "{.spec.newField}") == "a"
    });
    let member = new_tenant(&it, "fi-new");
    admin
        .ok(&["label", "namespace", namespace, "bulkhead.dev/tenant=fi-new", "istio-injection=enabled"])
        .unwrap();
    let patch = |patch: &str| {
        member
            .run(&["patch", "peerauthentication", "old", "-n", namespace, "--type=merge", "-p", patch])
            .unwrap()
    };
    let created = until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &policy("new")).unwrap();
        Some(said).filter(|said| violations(&said.stderr) == [("BH908", "spec.newField")])
    });
    let labelled = patch(r#"{"metadata":{"labels":{"team":"ours"}}}"#);
    let changed = patch(r#"{"spec":{"newField":"b"}}"#);
    change(&json!({ "op": "remove", "path": schema }));

    assert!(!created.success, "{created:?}");
    expect_warned(&labelled, &[("BH908", "spec.newField")]);
    expect_refused(&changed, &[("BH908", "spec.newField")]);
}
