use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SharedServiceStatus;
use super::grants::label_values;
use super::without_unsigned_formats;

/// The location and the identity of a service of the platform that tenants call.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "bulkhead.dev",
    version = "v1alpha1",
    kind = "SharedService",
    shortname = "ss",
    status = "SharedServiceStatus",
    doc = "SharedService is a service of the platform that Tenants can be granted to call, and whose identity Bulkhead protects.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.namespace"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("(has(self.spec.serviceAccount) ? self.spec.serviceAccount : self.metadata.name) != 'default'")
        .message("serviceAccount must not be `default`, which every namespace has: give the service an account of its own"),
    validation = Rule::new("!self.metadata.name.endsWith('-waypoint')")
        .message("the name must not end in `-waypoint`, with which the names of the services' waypoints end")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = RecursiveTransform(without_unsigned_formats))]
pub struct SharedServiceSpec {
    /// The namespace of the service, in which only the platform writes from then on. It must belong to no tenant, and must not be in `platform.namespaces` of the settings unless it is in `platform.sharedNamespaces`.
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = [immutable("namespace")]))]
    pub namespace: String,

    /// The name of its Service; the name of the SharedService by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,

    /// The service account of its pods; the name of the SharedService by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,

    /// Labels of its pods; at least one.
    #[schemars(
        extend("minProperties" = 1, "x-kubernetes-validations" = [immutable("selector")]),
        transform = label_values,
    )]
    pub selector: BTreeMap<String, String>,

    /// Ports of its pods; at least one.
    #[schemars(length(min = 1, max = 20))]
    pub ports: Vec<SharedPort>,

    /// Tenants that can be granted to call the service; all by default.
    #[serde(default)]
    pub tenants: AllowedTenants,

    /// Names of Tenants whose workloads the service may call; none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub calls_tenants: Vec<String>,

    /// Further hosts in the mesh that the service may call, as in a Sidecar: NAMESPACE/HOST, such as `storage/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), transform = egress_host_patterns)]
    pub egress: Vec<String>,
}

/// A port of a shared service, and the requests that tenants may send there. `{tenant}` represents the name of the
/// calling tenant.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self.protocol == 'HTTP' || !(has(self.methods) || has(self.paths) || has(self.headers))",
    "message": "methods, paths and headers require protocol HTTP",
}, {
    "rule": "!has(self.headers) || self.headers.all(name, name.matches('^[A-Za-z0-9-]{1,64}$') && name.lowerAscii() != 'host')",
    "message": "header names must consist of letters, digits and `-`, and must not be `host`",
}]))]
pub struct SharedPort {
    /// The port of the pods, not of the Service: network policies see packets after the translation.
    #[schemars(range(min = 1))]
    pub port: u16,

    /// The port of the Service that leads to it, if the number differs. Only the waypoint of an ambient mesh sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub service_port: Option<u16>,

    /// The protocol on this port: `HTTP` or `TCP`.
    #[serde(default)]
    pub protocol: Protocol,

    /// Allowed HTTP methods, such as `POST`; all by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub methods: Vec<String>,

    /// Allowed paths, such as `/ingest/{tenant}/*`: exact, or with one `*` at either end; all by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), transform = path_patterns)]
    pub paths: Vec<String>,

    /// Headers with the value that each must have, such as `x-tenant-id: "{tenant}"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub headers: BTreeMap<String, String>,
}

impl SharedPort {
    /// Returns the port as a waypoint sees it.
    pub fn at_waypoint(&self) -> u16 {
        self.service_port.unwrap_or(self.port)
    }
}

/// The protocol on a port.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// HTTP/1.1, HTTP/2 or gRPC. The header `x-tenant-identity` names the caller.
    HTTP,
    #[default]
    TCP,
}

/// The tenants that can be granted to call a shared service: all, or those in `names`.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!(has(self.all) && self.all) || !has(self.names)",
    "message": "set either all or names",
}]))]
pub struct AllowedTenants {
    /// Every tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// Names of Tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub names: Option<Vec<String>>,
}

/// Rejects a change of a field that selects the pods: those that run would be left without policies.
fn immutable(field: &str) -> Value {
    json!({
        "rule": "self == oldSelf",
        "message": format!("{field} must not change: create another SharedService, and then delete this one"),
    })
}

fn egress_host_patterns(schema: &mut Schema) {
    let host = json_schema!({
        "type": "string", "maxLength": 300,
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?/([*]|([*][.])?[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
    });
    schema.insert("items".to_owned(), host.into());
}

/// Accepts paths that Istio accepts and that contain no way out of them.
fn path_patterns(schema: &mut Schema) {
    let path = json_schema!({
        "type": "string", "maxLength": 300,
        "pattern": "^([*]?/([-A-Za-z0-9_.~!$&'()+,;=:@/]|[{]tenant[}])*[*]?)$",
    });
    schema.insert("items".to_owned(), path.into());
}
