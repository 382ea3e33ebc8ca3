//! The table of keys of pods: it has a row for each label and annotation that Istio's own lists name, and each row is in
//! force at the real API server, on templates, on pods that exist and on bindings.

use bulkhead::keys::{Map, Pattern, Row, STATUS_ANNOTATION, TABLE, find};
use bulkhead::kinds::Kind;
use bulkhead::policy::proxy::metadata::is_allowed;
use bulkhead::settings::Settings;
use bulkhead_harness::components::istio_api_file;
use serde_json::{Value, json};
use support::api::{call, client_as, request};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects;
use support::refusal::violations;
use tokio::runtime::Runtime;

/// The keys in a list of Istio's for objects of this kind.
fn listed(map: Map, kind: Kind) -> Vec<String> {
    let (file, list) = match map {
        Map::Labels => ("label/labels.yaml", "labels"),
        Map::Annotations => ("annotation/annotations.yaml", "annotations"),
    };
    let text = std::fs::read_to_string(istio_api_file(file).unwrap()).unwrap();
    let lists: Value = serde_saphyr::from_str(&text).unwrap();
    let is_of_kind = |entry: &&Value| {
        let kinds = entry["resources"].as_array().unwrap();
        kinds.iter().any(|of| *of == kind.name() || *of == "Any")
    };
    let entries = lists[list].as_array().unwrap().iter().filter(is_of_kind);
    entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

/// A pod's key needs a row of its own. Of a namespace, only the platform may write any key of Istio's.
#[test]
fn keys_that_istio_lists_are_in_the_table() {
    for map in Map::ALL {
        let of_pods = listed(map, Kind::Pod);
        assert!(of_pods.len() > 10, "{of_pods:?}");
        for key in of_pods {
            let pattern = find(Kind::Pod, map, &key).map(|row| row.pattern);
            let is_operators = key.starts_with("operator.istio.io/") || key.starts_with("gateway.istio.io/");
            assert!(matches!(pattern, Some(Pattern::Key(_))) || is_operators, "{key}: {pattern:?}");
        }
        for key in listed(map, Kind::Namespace) {
            assert!(find(Kind::Namespace, map, &key).is_some(), "{key}");
        }
    }
}

/// The rows about pods that a rule judges.
fn judged_rows() -> impl Iterator<Item = (&'static Row, &'static str)> {
    let rows = TABLE
        .into_iter()
        .flatten()
        .filter(|row| row.objects.contain(Kind::Pod) && row.objects.contain(Kind::Binding));
    rows.filter_map(|row| Some((row, row.rule?)))
}

/// A key of the row, and a value that the row does not allow.
fn refused_entry(row: &Row) -> (String, &'static str) {
    let key = match row.pattern {
        Pattern::Key(key) => key.to_owned(),
        Pattern::Domain(domain) => format!("{domain}/a-new-key"),
    };
    let candidates = ["false", "true", "no", "99999", "a_b", "_", "a b", "x{y}", "$(x)"];
    let is_refused = |value: &&&str| !is_allowed(row.values, value, &Settings::default());
    (key, candidates.iter().find(is_refused).unwrap())
}

#[test]
fn each_key_is_refused_on_templates_pods_and_bindings() {
    let it = shared();
    let member = new_tenant(&it, "every-key");
    let namespace = new_namespace(&member, "every-key");
    member.apply(&objects::pod(&namespace).to_string()).unwrap();
    let runtime = Runtime::new().unwrap();
    let admin = it.cluster.admin().unwrap();
    let client = runtime.block_on(client_as(&admin, "every-key-alice", &["every-key-developers"]));
    let core = format!("/api/v1/namespaces/{namespace}");
    let write = |method: &str, path: &str, media: &str, body: &Value| {
        let path = format!("{path}?dryRun=All");
        let answer = runtime.block_on(call(&client, request(method, &path, media, body)));
        answer.map_err(|status| status.message)
    };
    let mut tried = 0;
    for (row, code) in judged_rows() {
        let (key, value) = refused_entry(row);
        for map in row.maps.iter().map(|map| map.field()) {
            let metadata = json!({ map: { &key: value } });
            let mut deployment = objects::deployment(&namespace, "app");
            deployment["spec"]["template"]["metadata"][map][&key] = json!(value);
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding", "metadata": { "name": "app", map: { &key: value } },
                "target": { "apiVersion": "v1", "kind": "Node", "name": "one" },
            });
            let deployments = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
            let of_pod = format!("metadata.{map}[{key}]");
            // The rule of the injector's own marks is about containers, which a binding does not have. A pod has the one
            // mark, and must keep it.
            let of_binding = if code == "BH304" { "BH303" } else { code };
            let of_pods = if key == STATUS_ANNOTATION { "BH303" } else { code };
            for (method, path, media, body, expected) in [
                ("POST", deployments, "json", &deployment, (code, format!("spec.template.{of_pod}"))),
                (
                    "PATCH",
                    format!("{core}/pods/app"),
                    "merge-patch+json",
                    &json!({ "metadata": metadata }),
                    (of_pods, of_pod.clone()),
                ),
                ("POST", format!("{core}/pods/app/binding"), "json", &binding, (of_binding, of_pod.clone())),
            ] {
                // A label cannot have every value.
                let said = write(method, &path, media, body).unwrap_err();
                let expected = (expected.0, expected.1.as_str());
                let is_invalid = said.contains("a valid label must be") || said.contains("Invalid value");
                assert!(violations(&said).contains(&expected) || is_invalid, "{path} {key}={value}: {said}");
                tried += usize::from(!is_invalid);
            }
        }
    }
    assert!(tried > 150, "{tried}");
}
