//! The policies of a shared service.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_tenant, shared};
use support::objects::{self, labelled_namespace, object};
use support::refusal::refused;
use support::wait::until;

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

    admin.ok(&["delete", "sharedservice", "shared-logs"]).unwrap();
    until(|| policies(&admin, "shared-logs").is_empty());
}
