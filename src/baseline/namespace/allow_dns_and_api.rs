use std::iter::once;

use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};

/// DNS, by its pods and by its Service's addresses, and the API servers by their own.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-dns-and-api", body: Body::Always(body) }
}

fn body(place: Place<'_>) -> Value {
    let endpoints = &place.snapshot.endpoints;
    let egress: Vec<Value> = once(peers::dns(endpoints)).chain(peers::api_servers(endpoints)).collect();
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}
