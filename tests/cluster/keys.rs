//! The table of keys has a row for each label and annotation that Istio's own lists name for pods and namespaces.

use bulkhead::keys::{Map, Pattern, find};
use bulkhead::kinds::Kind;
use bulkhead_harness::components::istio_api_file;
use serde_json::Value;

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
