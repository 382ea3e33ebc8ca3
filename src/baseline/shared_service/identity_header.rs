use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Body, Object, ServiceSite};
use crate::kinds::Kind;
use crate::settings::Dataplane;

/// Header that names the caller to a shared service. Requests in which a caller sets it are denied.
pub const IDENTITY_HEADER: &str = "x-tenant-identity";

/// Makes the service's proxies write the caller into the identity header, from the caller's certificate and after
/// the call was allowed. They also accept no path and no header that the service could read differently.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::EnvoyFilter, name: "identity-header", body: Body::Optional(body) }
}

const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";

fn body(site: ServiceSite<'_>) -> Option<Value> {
    let is_needed =
        site.snapshot.settings.dataplane == Dataplane::Sidecar && site.http_ports().next().is_some();
    is_needed.then(|| {
        let patches = [
            Some(path_normalization()),
            Some(reject_path_traversal()),
            merge_repeated_headers(site),
            Some(set_identity_header()),
        ];
        json!({ "spec": {
            "configPatches": patches.into_iter().flatten().collect::<Vec<_>>(),
            "priority": 1000,
            "workloadSelector": { "labels": site.service.selector },
        } })
    })
}

fn path_normalization() -> Value {
    json!({
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": { "filterChain": { "filter": { "name": CONNECTION_MANAGER } } },
        },
        "patch": { "operation": "MERGE", "value": {
            "name": CONNECTION_MANAGER,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "common_http_protocol_options": { "headers_with_underscores_action": "DROP_HEADER" },
                "forward_client_cert_details": "SANITIZE_SET",
                "merge_slashes": true,
                "path_with_escaped_slashes_action": "REJECT_REQUEST",
                "set_current_client_cert_details": { "uri": true },
            },
        } },
    })
}

/// Rejects `..;x`, which Java's servlets read as `..`. Envoy reads it so too since CVE-2026-73551, but not where
/// the dots are encoded.
fn reject_path_traversal() -> Value {
    let walks = json!({
        "permissions": [{ "url_path": { "path": { "safe_regex": { "regex": ".*/([.]|%2[eE]){2};.*" } } } }],
        "principals": [{ "any": true }],
    });
    filter(
        "INSERT_FIRST",
        "bulkhead.no_walking",
        &json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": { "action": "DENY", "policies": { "walks": walks } },
        }),
    )
}

/// Makes the judged value of a header the only one that arrives. Envoy matches a header that is repeated if one of
/// its values matches.
fn merge_repeated_headers(site: ServiceSite<'_>) -> Option<Value> {
    let headers: BTreeSet<&String> = site.http_ports().flat_map(|port| port.headers.keys()).collect();
    let single = headers.iter().map(|header| {
        json!({ "append": {
            "append_action": "OVERWRITE_IF_EXISTS",
            "header": { "key": header, "value": format!("%REQ({header})%") },
            "keep_empty_value": true,
        } })
    });
    let mutations: Vec<Value> = single.collect();
    (!mutations.is_empty()).then(|| filter("INSERT_FIRST", "bulkhead.single_headers", &mutation(&mutations)))
}

fn set_identity_header() -> Value {
    let append = json!({
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        "header": { "key": IDENTITY_HEADER, "value": "%DOWNSTREAM_PEER_URI_SAN%" },
    });
    let mutations = [json!({ "remove": IDENTITY_HEADER }), json!({ "append": append })];
    filter("INSERT_BEFORE", "bulkhead.tenant_identity", &mutation(&mutations))
}

fn mutation(mutations: &[Value]) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": { "request_mutations": mutations },
    })
}

/// Returns a patch that inserts an HTTP filter before all others, or before the last one.
fn filter(operation: &str, name: &str, config: &Value) -> Value {
    let mut chain = json!({ "filter": { "name": CONNECTION_MANAGER } });
    if operation == "INSERT_BEFORE" {
        chain = json!({ "filter": { "name": CONNECTION_MANAGER, "subFilter": { "name": "envoy.filters.http.router" } } });
    }
    json!({
        "applyTo": "HTTP_FILTER",
        "match": { "context": "SIDECAR_INBOUND", "listener": { "filterChain": chain } },
        "patch": { "operation": operation, "value": { "name": name, "typed_config": config } },
    })
}
