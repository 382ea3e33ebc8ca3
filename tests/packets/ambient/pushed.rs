//! The resources that istiod pushes to ztunnels: for each policy its scope, its action and its rules; for each workload the policies
//! that select it; for each Service its waypoint.

use serde_json::Value;
use support::snapshot_files::compare;
use support::wait::until;

use super::objects::{self, ACME, BETA, MORE, OUTSIDE, SHARED, WAYPOINT};

/// The namespaces of tenants and of shared services.
const NAMESPACES: [&str; 4] = [ACME, MORE, BETA, SHARED];

#[test]
fn baseline_reaches_every_workload() {
    let Some(stage) = super::stage() else { return };
    let mut listing = String::new();
    until(|| {
        let pushed = stage.pushed();
        let policies = pushed.policies.iter().filter(|policy| is_ours(policy)).map(policy);
        let workloads = pushed.addresses.iter().filter_map(|address| workload(&address["workload"]));
        let services = pushed.addresses.iter().filter_map(|address| service(&address["service"]));
        let mut lines: Vec<String> = policies.chain(workloads).chain(services).collect();
        lines.sort();
        let same = listing == lines.concat();
        listing = lines.concat();
        same
    });

    // The listing is complete: each policy that selects no waypoint is in it, and no policy that selects one.
    for written in stage.list("authorizationpolicies.security.istio.io") {
        let name =
            format!("{}/{}", text(&written["metadata"]["namespace"]), text(&written["metadata"]["name"]));
        let is_pushed = listing.contains(&format!("policy {name}, "));
        assert_eq!(is_pushed, written["spec"]["targetRefs"].is_null(), "{name}\n{listing}");
    }
    for namespace in [ACME, MORE, BETA] {
        let deny = format!("policy {namespace}/deny-cross-tenant, NAMESPACE, DENY\n");
        assert!(listing.contains(&deny), "{namespace}\n{listing}");
    }
    compare("tests/packets/ambient/pushed.txt", &listing);
}

#[test]
fn waypoint_that_is_not_ready_is_not_pushed() {
    let Some(stage) = super::stage() else { return };
    // In this namespace no Gateway has the name.
    let mut service = objects::service(BETA, "unbound", "another", 80);
    service["metadata"]["labels"]["istio.io/use-waypoint"] = WAYPOINT.into();
    stage.admin.apply(&service.to_string()).unwrap();
    let host = objects::host("unbound", BETA);
    let pushed = until(|| {
        let addresses = stage.pushed().addresses;
        addresses.into_iter().find(|address| address["service"]["hostname"] == host.as_str())
    });
    // A ztunnel calls the pods directly, where the policy of the namespace applies.
    assert!(pushed["service"]["waypoint"].is_null(), "{pushed}");
    stage.admin.ok(&["delete", "service", "unbound", "-n", BETA]).unwrap();
}

#[test]
fn token_of_any_pod_reads_the_workload_api() {
    let Some(stage) = super::stage() else { return };
    let pushed = stage.pushed_to([BETA, "default"], BETA).unwrap();
    let is_acmes = |address: &&Value| address["workload"]["namespace"] == ACME;
    assert!(pushed.addresses.iter().any(|address| is_acmes(&address)));
    assert!(pushed.policies.iter().any(|policy| policy["namespace"] == ACME));
    let error = stage.pushed_to([BETA, "default"], ACME).unwrap_err();
    assert!(error.contains("PermissionDenied"), "{error}");
}

fn is_ours(policy: &Value) -> bool {
    NAMESPACES.iter().any(|namespace| policy["namespace"] == *namespace)
        || policy["namespace"] == "istio-system"
}

/// A policy with a line for each rule. A part of a rule that is `{}` matches nothing.
fn policy(policy: &Value) -> String {
    let groups = policy["groups"].as_array().into_iter().flatten();
    let rules = groups.map(|group| {
        let parts = group["rules"].as_array().into_iter().flatten();
        let parts: Vec<String> = parts.map(|part| part["matches"].to_string()).collect();
        format!("policy {} rule {}\n", name(policy), parts.join(" and "))
    });
    let scope = policy["scope"].as_str().unwrap_or("GLOBAL");
    let action = policy["action"].as_str().unwrap_or("ALLOW");
    std::iter::once(format!("policy {}, {scope}, {action}\n", name(policy))).chain(rules).collect()
}

fn name(policy: &Value) -> String {
    format!("{}/{}", text(&policy["namespace"]), text(&policy["name"]))
}

/// A workload with its protocol and the policies that select it.
fn workload(workload: &Value) -> Option<String> {
    let namespace = workload["namespace"].as_str()?;
    let name = workload["workloadName"].as_str()?;
    if !NAMESPACES.contains(&namespace) && namespace != OUTSIDE {
        return None;
    }
    let protocol = workload["tunnelProtocol"].as_str().unwrap_or("no tunnel");
    let policies = workload["authorizationPolicies"].as_array().into_iter().flatten();
    let mut policies: Vec<&str> = policies.map(text).collect();
    policies.sort_unstable();
    Some(format!("workload {namespace}/{name}, {protocol}: {}\n", policies.join(" ")))
}

fn service(service: &Value) -> Option<String> {
    let (namespace, host) = (service["namespace"].as_str()?, service["hostname"].as_str()?);
    let waypoint = if service["waypoint"].is_null() { "no waypoint" } else { "a waypoint" };
    NAMESPACES.contains(&namespace).then(|| format!("service {host}, {waypoint}\n"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
