use serde_json::{Value, json};

use super::site::WAYPOINT_END;
use super::{Body, Object, ServiceSite, network};
use crate::keys::{
    MANAGED_BY_LABEL, REVISION_LABEL, WAYPOINT_CLIENT_IDENTITY_ANNOTATION, WAYPOINT_FOR_LABEL,
};
use crate::kinds::Kind;

/// The class of Istio's waypoints.
const WAYPOINT_CLASS: &str = "istio-waypoint";
/// The protocol of the listener of a waypoint.
const WAYPOINT_PROTOCOL: &str = "HBONE";

/// True if a Gateway of this class, and with listeners of these protocols, can be a waypoint. A class that the platform
/// defines can be served by Istio's controller of waypoints too.
pub fn is_waypoint<'p>(class: &str, mut protocols: impl Iterator<Item = &'p str>) -> bool {
    class == WAYPOINT_CLASS || protocols.any(|protocol| protocol == WAYPOINT_PROTOCOL)
}

/// Creates the waypoint of a service with HTTP ports in an ambient mesh: ztunnel does not know HTTP. Services of other
/// namespaces cannot use it.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::KubernetesGateway, name: WAYPOINT_END, body: Body::Optional(body) }
}

fn body(site: ServiceSite<'_>) -> Option<Value> {
    site.waypoint().map(|_| {
        let mut labels = json!({ MANAGED_BY_LABEL.0: MANAGED_BY_LABEL.1, WAYPOINT_FOR_LABEL: "service" });
        if let (Some(revision), Value::Object(labels)) = (&site.settings().mesh_revision, &mut labels) {
            labels.insert(REVISION_LABEL.to_owned(), revision.as_str().into());
        }
        let listener = json!({
            "allowedRoutes": { "namespaces": { "from": "Same" } },
            "name": "mesh",
            "port": network::HBONE_PORT,
            "protocol": WAYPOINT_PROTOCOL,
        });
        json!({
            "metadata": {
                "annotations": { WAYPOINT_CLIENT_IDENTITY_ANNOTATION: "true" },
                "labels": labels,
            },
            "spec": { "gatewayClassName": WAYPOINT_CLASS, "listeners": [listener] },
        })
    })
}
