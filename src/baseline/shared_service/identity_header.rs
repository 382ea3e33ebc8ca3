use serde_json::{Value, json};

use super::{Body, IDENTITY_HEADER, Kind, Object, Served};
use crate::settings::Dataplane;

/// Its proxies say who calls, from the caller's certificate and after they have let him in, and take no path that
/// means another where it arrives.
pub(super) const fn object<'w>() -> Object<Served<'w>> {
    Object { kind: Kind::EnvoyFilter, name: "identity-header", body: Body::Where(body) }
}

const MANAGER: &str = "envoy.filters.network.http_connection_manager";

fn body(served: Served<'_>) -> Option<Value> {
    let is_heard =
        served.world.settings.dataplane == Dataplane::Sidecar && served.http_ports().next().is_some();
    is_heard.then(|| {
        json!({ "spec": {
            "configPatches": [hardened_paths(), identity()],
            "priority": 1000,
            "workloadSelector": { "labels": served.service.selector },
        } })
    })
}

fn hardened_paths() -> Value {
    json!({
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": { "filterChain": { "filter": { "name": MANAGER } } },
        },
        "patch": { "operation": "MERGE", "value": {
            "name": MANAGER,
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

fn identity() -> Value {
    json!({
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": { "filterChain": {
                "filter": { "name": MANAGER, "subFilter": { "name": "envoy.filters.http.router" } },
            } },
        },
        "patch": { "operation": "INSERT_BEFORE", "value": {
            "name": "bulkhead.tenant_identity",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
                "mutations": { "request_mutations": [
                    { "remove": IDENTITY_HEADER },
                    { "append": {
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                        "header": { "key": IDENTITY_HEADER, "value": "%DOWNSTREAM_PEER_URI_SAN%" },
                    } },
                ] },
            },
        } },
    })
}
