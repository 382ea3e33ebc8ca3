use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;

/// Allows egress to istiod, from which a proxy gets its certificate and configuration. If ztunnel captures pods of the
/// namespace, also allows ingress from the address that the node's proxy gives to the kubelet's probes.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-mesh", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    let egress = [network::istiod(site.settings())];
    let mut spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": egress });
    if let (true, Value::Object(spec)) = (site.may_be_captured(), &mut spec) {
        spec.insert("policyTypes".to_owned(), json!(["Ingress", "Egress"]));
        spec.insert("ingress".to_owned(), json!([network::probes()]));
    }
    json!({ "spec": spec })
}
