use std::iter::once;

use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;

/// Allows egress to DNS, by its pods and its Service's addresses, and to the API servers, by their own addresses.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-dns-and-api", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    let endpoints = &site.snapshot.endpoints;
    let egress: Vec<Value> = once(network::dns(endpoints)).chain(network::api_servers(endpoints)).collect();
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}
