use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};
use crate::settings::Dataplane;

/// Allows egress to istiod, from which a proxy gets its certificate and configuration. With the ambient dataplane,
/// also allows ingress from the address that the node's proxy gives to the kubelet's probes.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-mesh", body: Body::Always(body) }
}

/// Source addresses of the kubelet's probes in an ambient mesh. See
/// <https://istio.io/latest/docs/ambient/usage/networkpolicy/>.
const PROBES: [&str; 2] = ["169.254.7.127/32", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128"];

fn body(place: Place<'_>) -> Value {
    let egress = [peers::istiod(place.settings())];
    let mut spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": egress });
    if let (Dataplane::Ambient, Value::Object(spec)) = (place.settings().dataplane, &mut spec) {
        let probes = PROBES.map(|cidr| json!({ "ipBlock": { "cidr": cidr } }));
        spec.insert("policyTypes".to_owned(), json!(["Ingress", "Egress"]));
        spec.insert("ingress".to_owned(), json!([{ "from": probes }]));
    }
    json!({ "spec": spec })
}
