//! What stands around a shared service.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use crate::baseline::refused;
use crate::cluster::{namespace, shared, tenant, until};

const KINDS: &str = "networkpolicies,sidecars.networking.istio.io,envoyfilters.networking.istio.io,\
                     peerauthentications.security.istio.io,authorizationpolicies.security.istio.io";

fn around(admin: &Kubectl, service: &str) -> Vec<String> {
    let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name}{'\\n'}{end}";
    let all = admin.ok(&["get", KINDS, "-n", "shared-services", "-o", path]).unwrap();
    let name = format!("/bulkhead-{service}");
    let mut own: Vec<String> = all.lines().filter(|line| line.contains(&name)).map(str::to_owned).collect();
    own.sort();
    own
}

#[test]
fn a_shared_service_is_walled_in() {
    let it = shared();
    let member = tenant(&it, "shared-acme");
    let own = namespace(&member, "shared-acme");
    let admin = it.cluster.admin().unwrap();
    let service = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": "shared-logs" },
        "spec": {
            "namespace": "shared-services", "selector": { "app": "shared-logs" },
            "ports": [{
                "port": 8080, "protocol": "HTTP", "methods": ["POST"], "paths": ["/ingest/{tenant}/*"],
                "headers": { "x-tenant-id": "{tenant}" },
            }, { "port": 9092 }, { "port": 9093 }],
            "callsTenants": ["shared-acme"],
        },
    });
    let place = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shared-services" } });
    admin.apply(&place.to_string()).unwrap();
    admin.apply(&service.to_string()).unwrap();
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
    until(|| around(&admin, "shared-logs") == whole);
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
    // It may call back, and is let in where it does.
    let denies =
        ["get", "authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", &own, "-o", "json"];
    until(|| admin.ok(&denies).unwrap().contains("ns/shared-services/sa/shared-logs"));

    // The platform itself takes it away only with the SharedService.
    let filter = "envoyfilters.networking.istio.io";
    let delete = ["delete", filter, "bulkhead-shared-logs-identity-header", "-n", "shared-services"];
    refused(&admin, &delete, "", "BH201");
    let open = r#"{"spec":{"rules":[{}]}}"#;
    let policy = ["patch", "authorizationpolicies.security.istio.io", "bulkhead-shared-logs-tenants"];
    let patch = [&policy[..], &["-n", "shared-services", "--type=merge", "-p", open]].concat();
    refused(&admin, &patch, "", "BH202 spec.rules");
    // What else it writes there is its own.
    let own_policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "scrapes", "namespace": "shared-services" },
        "spec": { "podSelector": {}, "ingress": [{}] },
    });
    admin.apply(&own_policy.to_string()).unwrap();
    admin.ok(&["delete", "networkpolicy", "scrapes", "-n", "shared-services"]).unwrap();

    admin.ok(&["delete", "sharedservice", "shared-logs"]).unwrap();
    until(|| around(&admin, "shared-logs").is_empty());
}
