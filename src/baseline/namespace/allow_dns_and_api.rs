use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;

/// Allows egress to DNS, by its pods and its Service's addresses, and to the API servers, by their own addresses.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-dns-and-api", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    let endpoints = &site.snapshot.endpoints;
    let mut egress = network::dns(&site.snapshot.settings, endpoints);
    egress.extend(network::api_servers(endpoints));
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}
