use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Body, Object, ServiceSite};
use crate::baseline::network::waypoint_targets;
use crate::kinds::Kind;

/// Header that names the caller to a shared service. Requests in which a caller sets it are denied.
pub const IDENTITY_HEADER: &str = "x-tenant-identity";

/// Makes the service's proxies write the caller into the identity header, from the caller's certificate and after
/// the call was allowed. They also accept no path and no header that the service could read differently.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::EnvoyFilter, name: "identity-header", body: Body::Optional(body) }
}

const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";

fn body(site: ServiceSite<'_>) -> Option<Value> {
    site.http_ports().next()?;
    let waypoint = site.waypoint();
    let proxy = if waypoint.is_some() { Proxy::Waypoint } else { Proxy::Sidecar };
    let patches = [
        Some(proxy.path_normalization()),
        Some(proxy.reject_path_traversal()),
        proxy.merge_repeated_headers(site),
        Some(proxy.set_identity_header()),
        (waypoint.is_none() && site.snapshot.has_captured_pods())
            .then(|| Proxy::Tunnel.set_identity_header()),
    ];
    let patches: Vec<Value> = patches.into_iter().flatten().collect();
    let (field, proxies) = match waypoint {
        Some(waypoint) => ("targetRefs", waypoint_targets(&waypoint)),
        None => ("workloadSelector", json!({ "labels": site.service.selector })),
    };
    Some(json!({ "spec": { "configPatches": patches, "priority": 1000, field: proxies } }))
}

/// The proxy in front of the service that knows HTTP.
#[derive(Clone, Copy)]
enum Proxy {
    Sidecar,
    /// The listener of a sidecar for calls that arrive through a tunnel.
    Tunnel,
    Waypoint,
}

impl Proxy {
    /// Returns the part of a listener's match that selects the listener with the requests. A waypoint has another one,
    /// which ends the callers' tunnels.
    fn listener(self, filter_chain: &Value) -> Value {
        match self {
            Self::Sidecar => json!({ "filterChain": filter_chain }),
            Self::Tunnel | Self::Waypoint => {
                json!({ "filterChain": filter_chain, "name": "main_internal" })
            }
        }
    }

    /// Returns the format string of the caller. A tunnel ends in another listener, which keeps the caller in the filter
    /// state.
    const fn caller(self) -> &'static str {
        match self {
            Self::Sidecar => "%DOWNSTREAM_PEER_URI_SAN%",
            Self::Tunnel | Self::Waypoint => "%FILTER_STATE(io.istio.peer_principal:PLAIN)%",
        }
    }

    fn path_normalization(self) -> Value {
        let mut config = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "common_http_protocol_options": { "headers_with_underscores_action": "DROP_HEADER" },
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
        });
        // A waypoint has no certificate of the caller there, and writes the header itself.
        if let (Self::Sidecar, Value::Object(config)) = (self, &mut config) {
            config.insert("forward_client_cert_details".to_owned(), "SANITIZE_SET".into());
            config.insert("set_current_client_cert_details".to_owned(), json!({ "uri": true }));
        }
        json!({
            "applyTo": "NETWORK_FILTER",
            "match": {
                "context": "SIDECAR_INBOUND",
                "listener": self.listener(&json!({ "filter": { "name": CONNECTION_MANAGER } })),
            },
            "patch": { "operation": "MERGE", "value": { "name": CONNECTION_MANAGER, "typed_config": config } },
        })
    }

    /// Rejects `..;x`, which Java's servlets read as `..`. Envoy reads it so too since CVE-2026-73551, but not where
    /// the dots are encoded.
    fn reject_path_traversal(self) -> Value {
        let walks = json!({
            "permissions": [{ "url_path": { "path": { "safe_regex": { "regex": ".*/([.]|%2[eE]){2};.*" } } } }],
            "principals": [{ "any": true }],
        });
        self.filter(
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
    fn merge_repeated_headers(self, site: ServiceSite<'_>) -> Option<Value> {
        let headers: BTreeSet<&String> = site.http_ports().flat_map(|port| port.headers.keys()).collect();
        let single = headers.iter().map(|header| {
            json!({ "append": {
                "append_action": "OVERWRITE_IF_EXISTS",
                "header": { "key": header, "value": format!("%REQ({header})%") },
                "keep_empty_value": true,
            } })
        });
        let mutations: Vec<Value> = single.collect();
        (!mutations.is_empty())
            .then(|| self.filter("INSERT_FIRST", "bulkhead.single_headers", &mutation(&mutations)))
    }

    fn set_identity_header(self) -> Value {
        let append = json!({
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            "header": { "key": IDENTITY_HEADER, "value": self.caller() },
        });
        let mutations = [json!({ "remove": IDENTITY_HEADER }), json!({ "append": append })];
        // The filter of a tunnel comes after that of all listeners.
        let name = match self {
            Self::Sidecar | Self::Waypoint => "bulkhead.tenant_identity",
            Self::Tunnel => "bulkhead.tunnelled_identity",
        };
        self.filter("INSERT_BEFORE", name, &mutation(&mutations))
    }

    /// Returns a patch that inserts an HTTP filter before all others, or before the last one.
    fn filter(self, operation: &str, name: &str, config: &Value) -> Value {
        let mut chain = json!({ "filter": { "name": CONNECTION_MANAGER } });
        if operation == "INSERT_BEFORE" {
            chain = json!({ "filter": { "name": CONNECTION_MANAGER, "subFilter": { "name": "envoy.filters.http.router" } } });
        }
        json!({
            "applyTo": "HTTP_FILTER",
            "match": { "context": "SIDECAR_INBOUND", "listener": self.listener(&chain) },
            "patch": { "operation": operation, "value": { "name": name, "typed_config": config } },
        })
    }
}

fn mutation(mutations: &[Value]) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": { "request_mutations": mutations },
    })
}
