//! The policies of a shared service.

use std::thread::sleep;
use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_shared_service, new_tenant, shared};
use support::objects::{self, changed, labelled_namespace, object};
use support::refusal::refused;
use support::wait::{until, within};

const POLICY_KINDS: &str = "networkpolicies,sidecars.networking.istio.io,envoyfilters.networking.istio.io,\
                     peerauthentications.security.istio.io,authorizationpolicies.security.istio.io";

/// The policies of the service, as `KIND/NAME`.
fn policies(admin: &Kubectl, service: &str) -> Vec<String> {
    let path = "{range .items[*]}{.kind}/{.metadata.name}{'\\n'}{end}";
    let all = jsonpath(admin, &[POLICY_KINDS, "-n", "shared-services"], path);
    let name = format!("/bulkhead-{service}");
    let mut own: Vec<String> = all.lines().filter(|line| line.contains(&name)).map(str::to_owned).collect();
    own.sort();
    own
}

#[test]
fn shared_service_gets_its_policies_and_keeps_them() {
    let it = shared();
    let member = new_tenant(&it, "shared-acme");
    let own = new_namespace(&member, "shared-acme");
    let admin = it.cluster.admin().unwrap();
    let spec = json!({
        "namespace": "shared-services", "selector": { "app": "shared-logs" },
        "ports": [{
            "port": 8080, "protocol": "HTTP", "methods": ["POST"], "paths": ["/ingest/{tenant}/*"],
            "headers": { "x-tenant-id": "{tenant}" },
        }, { "port": 9092 }, { "port": 9093 }],
        "callsTenants": ["shared-acme"],
    });
    admin.apply(&labelled_namespace("shared-services", &json!({})).to_string()).unwrap();
    admin.apply(&objects::shared_service("shared-logs", &spec).to_string()).unwrap();
    let grant = r#"{"spec":{"grants":{"reach":{"sharedServices":["shared-logs"]}}}}"#;
    admin.ok(&["patch", "tenant", "shared-acme", "--type=merge", "-p", grant]).unwrap();
    let whole = [
        "AuthorizationPolicy/bulkhead-shared-logs-reserved-header",
        "AuthorizationPolicy/bulkhead-shared-logs-tenants",
        "EnvoyFilter/bulkhead-shared-logs-identity-header",
        "NetworkPolicy/bulkhead-shared-logs",
        "PeerAuthentication/bulkhead-shared-logs",
        "Sidecar/bulkhead-shared-logs",
    ];
    until(|| policies(&admin, "shared-logs") == whole);
    let rules = || -> Value {
        let policy = "authorizationpolicies.security.istio.io/bulkhead-shared-logs-tenants";
        let path = "jsonpath={.spec.rules}";
        let rules = admin.ok(&["get", policy, "-n", "shared-services", "-o", path]).unwrap();
        serde_json::from_str(&rules).unwrap_or_default()
    };
    let from = json!([{ "source": { "principals": [format!("cluster.local/ns/{own}/sa/*")] } }]);
    let wanted = json!([{
        "from": from,
        "to": [{ "operation": { "ports": ["9092"] } }, { "operation": { "ports": ["9093"] } }],
    }, {
        "from": from,
        "to": [{ "operation": { "methods": ["POST"], "paths": ["/ingest/shared-acme/*"], "ports": ["8080"] } }],
        "when": [{ "key": "request.headers[x-tenant-id]", "values": ["shared-acme"] }],
    }]);
    until(|| rules() == wanted);
    // The service may call the tenant, whose own policy allows it.
    let denies =
        ["get", "authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", &own, "-o", "json"];
    until(|| admin.ok(&denies).unwrap().contains("ns/shared-services/sa/shared-logs"));

    // The platform can remove the policies only with the SharedService.
    let filter = "envoyfilters.networking.istio.io";
    let delete = ["delete", filter, "bulkhead-shared-logs-identity-header", "-n", "shared-services"];
    refused(&admin, &delete, "", &[("BH201", "metadata.name")]);
    let open = r#"{"spec":{"rules":[{}]}}"#;
    let policy = ["patch", "authorizationpolicies.security.istio.io", "bulkhead-shared-logs-tenants"];
    let patch = [&policy[..], &["-n", "shared-services", "--type=merge", "-p", open]].concat();
    refused(&admin, &patch, "", &[("BH202", "spec.rules")]);
    // The platform may write other policies there.
    let spec = json!({ "podSelector": {}, "ingress": [{}] });
    let own_policy = object("networking.k8s.io/v1", "NetworkPolicy", "shared-services", "scrapes", &spec);
    admin.apply(&own_policy.to_string()).unwrap();
    admin.ok(&["delete", "networkpolicy", "scrapes", "-n", "shared-services"]).unwrap();

    // It cannot be deleted while it is granted.
    let delete = ["delete", "sharedservice", "shared-logs"];
    refused(&admin, &delete, "", &[("BH112", "metadata.name")]);
    let forget = r#"{"spec":{"grants":null}}"#;
    admin.ok(&["patch", "tenant", "shared-acme", "--type=merge", "-p", forget]).unwrap();
    until(|| admin.run(&delete).unwrap().success);
    until(|| policies(&admin, "shared-logs").is_empty());
}

fn delete_pod(admin: &Kubectl, name: &str) {
    admin.ok(&["delete", "pod", name, "-n", "shared-services", "--now"]).unwrap();
}

/// The pods would be open to the cluster without the policies that select them.
#[test]
fn policies_of_a_deleted_shared_service_stay_until_its_pods_are_gone() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let service = new_shared_service(&admin, "shared-gone");
    let whole = policies(&admin, "shared-gone");
    for delete in ["foreground", "orphan"] {
        admin.ok(&["delete", "sharedservice", "shared-gone", &format!("--cascade={delete}")]).unwrap();
        sleep(Duration::from_secs(5));
        assert_eq!(policies(&admin, "shared-gone"), whole, "{delete}");
        admin.apply(&service.to_string()).unwrap();
    }
    admin.ok(&["delete", "sharedservice", "shared-gone"]).unwrap();
    // Not even the platform removes them.
    let delete = ["delete", "networkpolicy", "bulkhead-shared-gone", "-n", "shared-services"];
    refused(&admin, &delete, "", &[("BH201", "metadata.name")]);
    delete_pod(&admin, "shared-gone");
    within(Duration::from_secs(90), || policies(&admin, "shared-gone").is_empty());
}

#[test]
fn shared_service_is_renamed_only_by_way_of_a_second_one() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let service = new_shared_service(&admin, "shared-old");
    for (field, value) in [("selector", json!({ "app": "other" })), ("namespace", json!("monitoring"))] {
        let moved = changed(service.clone(), |service| service["spec"][field] = value);
        let said = admin.feed(&["apply", "-f", "-"], &moved.to_string()).unwrap();
        assert!(!said.success && said.stderr.contains(&format!("{field} must not change")), "{said:?}");
    }
    // The policies of another one with the same pods take their place.
    let renamed = changed(service, |service| service["metadata"]["name"] = json!("shared-renamed"));
    admin.apply(&renamed.to_string()).unwrap();
    until(|| {
        policies(&admin, "shared-renamed").contains(&"NetworkPolicy/bulkhead-shared-renamed".to_owned())
    });
    admin.ok(&["delete", "sharedservice", "shared-old"]).unwrap();
    within(Duration::from_secs(90), || policies(&admin, "shared-old").is_empty());
    assert!(!policies(&admin, "shared-renamed").is_empty());
    delete_pod(&admin, "shared-old");
}
