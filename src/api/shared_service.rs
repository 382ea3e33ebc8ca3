use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use super::SharedServiceStatus;
use super::grants::label_values;

/// Where a service of the platform that tenants call is, and by what it is known.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "bulkhead.dev",
    version = "v1alpha1",
    kind = "SharedService",
    shortname = "ss",
    status = "SharedServiceStatus",
    doc = "SharedService is a service of the platform that tenants may be granted to reach, and whose identity no tenant may claim.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.namespace"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("(has(self.spec.serviceAccount) ? self.spec.serviceAccount : self.metadata.name) != 'default'")
        .message("the account of a shared service is its own: every namespace has a `default`")
)]
#[serde(rename_all = "camelCase")]
pub struct SharedServiceSpec {
    /// The namespace it runs in: the platform's, listed in the settings.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// The name of its Service; its own name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,

    /// The service account it runs as; its own name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,

    /// The labels of its pods; one at least.
    #[schemars(extend("minProperties" = 1), transform = label_values)]
    pub selector: BTreeMap<String, String>,

    /// The ports its pods listen on; one at least.
    #[schemars(length(min = 1, max = 20))]
    pub ports: Vec<SharedPort>,

    /// Who may be granted to reach it; every tenant unless given.
    #[serde(default)]
    pub tenants: Tenants,

    /// Names of the tenants whose workloads it may call; none unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub calls_tenants: Vec<String>,

    /// What else it may call in the mesh, as in a Sidecar: NAMESPACE/HOST, such as `storage/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), transform = egress_hosts)]
    pub egress: Vec<String>,
}

/// A port that a shared service's pods listen on, and what a tenant may ask for there. `{tenant}` stands for the
/// name of the tenant that asks.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self.protocol == 'HTTP' || !(has(self.methods) || has(self.paths) || has(self.headers))",
    "message": "methods, paths and headers belong to HTTP",
}, {
    "rule": "!has(self.headers) || self.headers.all(name, name.matches('^[A-Za-z0-9-]{1,64}$') && name.lowerAscii() != 'host')",
    "message": "not a header's name that can be judged by: letters, digits and `-`, and not `host`",
}]))]
pub struct SharedPort {
    /// The pod's port, not the Service's: policies see packets after the translation.
    #[schemars(range(min = 1))]
    pub port: u16,

    #[serde(default)]
    pub protocol: Protocol,

    /// HTTP methods, such as `POST`; any unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub methods: Vec<String>,

    /// Paths, such as `/ingest/{tenant}/*`: exact, or with one `*` at either end; any unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), transform = paths)]
    pub paths: Vec<String>,

    /// Headers and the value each must have, such as `x-tenant-id: "{tenant}"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub headers: BTreeMap<String, String>,
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// HTTP/1.1, HTTP/2 or gRPC: who calls is said in the header `x-tenant-identity`.
    HTTP,
    #[default]
    TCP,
}

/// Which tenants there are for a shared service: all of them unless it names some.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!(has(self.all) && self.all) || !has(self.names)",
    "message": "either all, or names",
}]))]
pub struct Tenants {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub names: Option<Vec<String>>,
}

fn egress_hosts(schema: &mut Schema) {
    let host = json_schema!({
        "type": "string", "maxLength": 300,
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?/([*]|([*][.])?[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
    });
    schema.insert("items".to_owned(), host.into());
}

/// What Istio takes for a path, and cannot be walked out of.
fn paths(schema: &mut Schema) {
    let path = json_schema!({
        "type": "string", "maxLength": 300,
        "pattern": "^([*]?/([-A-Za-z0-9_.~!$&'()+,;=:@/]|[{]tenant[}])*[*]?)$",
    });
    schema.insert("items".to_owned(), path.into());
}
