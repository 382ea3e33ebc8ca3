//! The annotations of the webhook in the API server's audit log.

use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects::{changed, pod};
use support::wait::until;

/// The annotations of the webhook `workloads` on each creation of a pod in the namespace.
fn annotations(events: &[Value], namespace: &str) -> Vec<Value> {
    let is_meant = |event: &&Value| {
        let object = &event["objectRef"];
        object["namespace"] == namespace && object["resource"] == "pods"
    };
    let of_webhook = |event: &Value| {
        let annotation = |name: &str| event["annotations"][format!("workloads.bulkhead.dev/{name}")].clone();
        json!(["decision", "rules", "tenant"].map(annotation))
    };
    events.iter().filter(is_meant).map(of_webhook).collect()
}

#[test]
fn audit_log_has_decision_rules_and_tenant_of_each_judged_write() {
    let it = shared();
    // The audit policy of the tests records this group.
    let member = new_tenant(&it, "audited");
    let namespace = new_namespace(&member, "audited");
    let author = it.cluster.certified_user("audited-author", "audited-developers").unwrap();
    let named = |name: &str, edit: &dyn Fn(&mut Value)| {
        changed(pod(&namespace), |pod| {
            pod["metadata"]["name"] = json!(name);
            edit(pod);
        })
    };
    let create = ["create", "-f", "-"];
    let admitted = author.feed(&create, &named("good", &|_| {}).to_string()).unwrap();
    assert!(admitted.success, "{admitted:?}");
    let opted_out = named("bad", &|pod| {
        pod["metadata"]["labels"] = json!({ "sidecar.istio.io/inject": "false" });
    });
    assert!(!author.feed(&create, &opted_out.to_string()).unwrap().success);

    let expected = [json!(["admitted", null, "audited"]), json!(["refused", "BH301,BH302", "audited"])];
    let found = until(|| {
        let found = annotations(&it.cluster.audited("audited-author").unwrap(), &namespace);
        (found.len() == expected.len()).then_some(found)
    });
    assert_eq!(found, expected);
}
