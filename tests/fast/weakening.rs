//! The objects that the cluster tier sends to the API server, judged by `bulkhead check` first: the lists of their
//! violations are complete.

use serde_json::Value;
use support::command::bulkhead;
use support::weakening::{open_mesh, open_networks};

#[test]
fn objects_that_weaken_a_baseline_have_the_listed_violations() {
    let (namespace, tenant) = ("tenant-acme", "acme");
    for (object, expected) in [open_networks(namespace, tenant), open_mesh(namespace)].concat() {
        let arguments = ["check", "-o", "json", "--snapshot", "examples/snapshot", "-"];
        let (code, out, note) = bulkhead(&arguments, &object.to_string());
        assert_eq!(code, 1, "{object}: {out}{note}");
        let findings: Vec<Value> = serde_json::from_str(&out).unwrap();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let found: Vec<(String, String)> =
            findings.iter().map(|finding| (text(finding, "code"), text(finding, "field"))).collect();
        let expected = expected.into_iter().map(|(code, path)| (code.to_owned(), path.to_owned()));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{object}");
    }
}
