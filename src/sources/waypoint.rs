//! Reads what istiod has made of waypoints, and of the Services that use them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::baseline::is_waypoint;
use crate::keys::WAYPOINT_BOUND_CONDITION;

/// `Err` with istiod's reason if calls go past the waypoint.
pub(crate) type Programmed = Result<(), String>;

/// Returns the state of a Gateway; `None` if it is no waypoint.
pub(crate) fn waypoint_state(gateway: &DynamicObject) -> Option<Programmed> {
    let class = gateway.data.pointer("/spec/gatewayClassName").and_then(Value::as_str).unwrap_or_default();
    let listeners = gateway.data.pointer("/spec/listeners").and_then(Value::as_array);
    let protocols = listeners.into_iter().flatten().filter_map(|listener| listener.get("protocol")?.as_str());
    is_waypoint(class, protocols).then(|| condition_holds(gateway, "Programmed"))
}

/// Returns the state of a Service that names a waypoint.
pub(crate) fn service_state(service: &DynamicObject) -> Programmed {
    condition_holds(service, WAYPOINT_BOUND_CONDITION)
}

fn condition_holds(object: &DynamicObject, name: &str) -> Result<(), String> {
    let conditions = object.data.pointer("/status/conditions").cloned().unwrap_or_default();
    let conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
    match conditions.into_iter().find(|condition| condition.type_ == name) {
        Some(condition) if condition.status == "True" => Ok(()),
        Some(condition) => Err(condition.message),
        None => Err(format!("istiod has not set the condition `{name}`")),
    }
}
