//! The move of a tenant from sidecars to the ambient dataplane and back, through the real API server and the real injector.
//! No pod runs here: `tests/packets/ambient/moving.rs` sends packets while a tenant moves.

use std::collections::BTreeMap;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{alone, managed_objects, namespace_labels as labels, new_namespace, new_tenant};
use support::command::bulkhead_as;
use support::objects::{self, authorization_policy, changed};
use support::refusal::{dry_run, expect_admitted, refused, reported, violations};
use support::wait::until;

const DATAPLANE: &str = "istio.io/dataplane-mode";
const SECURITY: &str = "pod-security.kubernetes.io/enforce";
const CREATE: &[&str] = &["create", "-f", "-"];

fn move_to(admin: &Kubectl, tenant: &str, dataplane: &Value) {
    let patch = json!({ "spec": { "dataplane": dataplane } }).to_string();
    admin.ok(&["patch", "tenant", tenant, "--type=merge", "-p", &patch]).unwrap();
}

fn pod(namespace: &str, name: &str) -> Value {
    changed(objects::pod(namespace), |pod| pod["metadata"]["name"] = json!(name))
}

/// A pod that brings its own proxy.
fn counterfeit(namespace: &str) -> Value {
    changed(pod(namespace, "counterfeit"), |pod| {
        pod["spec"]["containers"][0]["name"] = json!("istio-proxy");
    })
}

/// True if the pod was created with a sidecar.
fn has_sidecar(kubectl: &Kubectl, namespace: &str, name: &str) -> bool {
    let shown = kubectl.ok(&["get", "pod", name, "-n", namespace, "-o", "json"]).unwrap();
    shown.contains("\"istio-proxy\"")
}

/// The versions of the baseline's objects in a namespace, without the quota, whose status counts pods.
fn versions(kubectl: &Kubectl, namespace: &str) -> BTreeMap<String, Value> {
    let objects = managed_objects(kubectl, namespace).into_iter();
    let objects = objects.filter(|(name, _)| !name.starts_with("ResourceQuota/"));
    objects.map(|(name, object)| (name, object["metadata"]["resourceVersion"].clone())).collect()
}

/// True if the baseline of the namespace has what captured pods need.
fn has_baseline_for_captured_pods(kubectl: &Kubectl, namespace: &str) -> bool {
    let objects = managed_objects(kubectl, namespace);
    let accepts_probes = !objects["NetworkPolicy/allow-mesh"]["spec"]["ingress"].is_null();
    let has_copy = objects.contains_key("AuthorizationPolicy/bulkhead-deny-cross-tenant-waypoint");
    assert_eq!(accepts_probes, has_copy);
    assert!(objects.contains_key("Sidecar/default"), "the hosts of sidecars are always limited");
    has_copy
}

#[test]
fn tenant_moves_to_the_ambient_dataplane_and_back() {
    let it = alone();
    let admin = it.cluster.admin().unwrap();
    let (member, other) = (new_tenant(&it, "mov-acme"), new_tenant(&it, "mov-beta"));
    let (own, foreign) = (new_namespace(&member, "mov-acme"), new_namespace(&other, "mov-beta"));
    member.apply(&pod(&own, "old").to_string()).unwrap();
    assert!(has_sidecar(&member, &own, "old"));
    let of_sidecars =
        json!({ "bulkhead.dev/tenant": "mov-acme", "tenant": "mov-acme", "istio-injection": "enabled" });
    assert_eq!(labels(&admin, &own), of_sidecars);
    assert!(!has_baseline_for_captured_pods(&admin, &own));
    let of_other = (labels(&admin, &foreign), versions(&admin, &foreign));

    move_to(&admin, "mov-acme", &json!("Ambient"));
    let moved = json!({
        "bulkhead.dev/tenant": "mov-acme", "tenant": "mov-acme", DATAPLANE: "ambient", SECURITY: "baseline",
    });
    until(|| labels(&admin, &own) == moved);
    assert!(has_baseline_for_captured_pods(&admin, &own));
    // New pods are captured, and get no sidecar.
    member.apply(&pod(&own, "new").to_string()).unwrap();
    assert!(!has_sidecar(&member, &own, "new"));
    let proxies = [("BH304", "spec.containers[0]")];
    refused(&member, CREATE, &counterfeit(&own).to_string(), &proxies);
    let on_node = changed(objects::deployment(&own, "node"), |deployment| {
        deployment["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    });
    refused(&member, CREATE, &on_node.to_string(), &[("BH301", "spec.template.spec.hostNetwork")]);
    // Old pods keep their sidecar, and the keys by which the mesh knows it.
    expect_admitted(&member.run(&["label", "pod", "old", "-n", &own, "team=payments"]).unwrap());
    let forged = ["annotate", "pod", "old", "-n", &own, "--overwrite", "sidecar.istio.io/status={}"];
    refused(&member, &forged, "", &[("BH303", "metadata.annotations[sidecar.istio.io/status]")]);
    // A policy that ztunnel would not enforce is refused.
    let spec = json!({ "action": "DENY", "rules": [{ "to": [{ "operation": { "paths": ["/admin"] } }] }] });
    let lost = authorization_policy(&own, "lost", &spec).to_string();
    refused(&member, CREATE, &lost, &[("BH708", "spec.rules[0].to[0].operation")]);
    // A member takes the namespace out of neither dataplane.
    for change in [format!("{DATAPLANE}-"), format!("{DATAPLANE}=none"), "istio-injection=enabled".to_owned()]
    {
        let _ = member.run(&["label", "namespace", &own, "--overwrite", &change]).unwrap();
        assert_eq!(labels(&admin, &own), moved, "{change}");
    }
    let (code, said) = bulkhead_as(&admin, &["audit", "-n", &own]);
    assert_eq!((code, reported(&said.stdout)), (0, Vec::new()), "{said:?}");

    // The other tenant keeps its dataplane, its labels and its baseline.
    other.apply(&pod(&foreign, "old").to_string()).unwrap();
    assert!(has_sidecar(&other, &foreign, "old"));
    let opted_out = objects::with_entry(pod(&foreign, "bare"), "labels", "sidecar.istio.io/inject", "false");
    let (success, said) = dry_run(&other, &foreign, &opted_out);
    assert!(!success && violations(&said).contains(&("BH301", "spec")), "{said}");
    let (success, _) = dry_run(&other, &foreign, &authorization_policy(&foreign, "paths", &spec));
    assert!(success, "a sidecar enforces paths");
    assert_eq!((labels(&admin, &foreign), versions(&admin, &foreign)), of_other);

    // Back: the label of ztunnel stays for the pods that it captures, until the platform removes it.
    move_to(&admin, "mov-acme", &Value::Null);
    let both = changed(moved, |labels| labels["istio-injection"] = json!("enabled"));
    until(|| labels(&admin, &own) == both);
    assert!(has_baseline_for_captured_pods(&admin, &own));
    // Without istio-cni, no sidecar can redirect under this level of Pod Security.
    admin.ok(&["label", "namespace", &own, &format!("{SECURITY}-")]).unwrap();
    until(|| member.feed(CREATE, &pod(&own, "newest").to_string()).unwrap().success);
    assert!(has_sidecar(&member, &own, "newest"));
    let bare = objects::with_entry(pod(&own, "bare"), "labels", "sidecar.istio.io/inject", "false");
    let (success, said) = dry_run(&member, &own, &bare);
    assert!(!success && violations(&said).contains(&("BH301", "spec")), "{said}");
    expect_admitted(&member.run(&["label", "pod", "new", "-n", &own, "team=payments"]).unwrap());
    member.ok(&["delete", "pod", "new", "-n", &own, "--force", "--grace-period=0"]).unwrap();
    admin.ok(&["label", "namespace", &own, &format!("{DATAPLANE}-")]).unwrap();
    until(|| !has_baseline_for_captured_pods(&admin, &own));
    assert_eq!(labels(&admin, &own), of_sidecars);
    assert_eq!((labels(&admin, &foreign), versions(&admin, &foreign)), of_other);
}

#[test]
fn members_do_not_choose_the_dataplane() {
    let it = alone();
    let member = new_tenant(&it, "mov-member");
    let patch = json!({ "spec": { "dataplane": "Ambient" } }).to_string();
    refused(
        &member,
        &["patch", "tenant", "mov-member", "--type=merge", "-p", &patch],
        "",
        &[("BH901", "metadata")],
    );
}
