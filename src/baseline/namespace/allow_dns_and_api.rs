use std::iter::once;

use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};

/// Allows egress to DNS, by its pods and its Service's addresses, and to the API servers, by their own addresses.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-dns-and-api", body: Body::Always(body) }
}

fn body(place: Place<'_>) -> Value {
    let surroundings = &place.world.surroundings;
    let egress: Vec<Value> = once(peers::dns(surroundings)).chain(peers::api_servers(surroundings)).collect();
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}
