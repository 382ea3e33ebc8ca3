use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;
use crate::settings::Dataplane;

/// Allows egress to istiod, from which a proxy gets its certificate and configuration. With the ambient dataplane,
/// also allows ingress from the address that the node's proxy gives to the kubelet's probes.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-mesh", body: Body::Always(body) }
}

/// Source addresses of the kubelet's probes in an ambient mesh. See
/// <https://istio.io/latest/docs/ambient/usage/networkpolicy/>.
const AMBIENT_PROBE_SOURCES: [&str; 2] = ["169.254.7.127/32", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128"];

fn body(site: NamespaceSite<'_>) -> Value {
    let egress = [network::istiod(site.settings())];
    let mut spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": egress });
    if let (Dataplane::Ambient, Value::Object(spec)) = (site.settings().dataplane, &mut spec) {
        let probes = AMBIENT_PROBE_SOURCES.map(|cidr| json!({ "ipBlock": { "cidr": cidr } }));
        spec.insert("policyTypes".to_owned(), json!(["Ingress", "Egress"]));
        spec.insert("ingress".to_owned(), json!([{ "from": probes }]));
    }
    json!({ "spec": spec })
}
