use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

/// What a tenant may name beyond itself. What is neither its own nor here is foreign.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// Through what it may be called from outside the cluster.
    pub serve: Serve,

    /// What it may call.
    pub reach: Reach,

    /// Who else may call it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub callers: Vec<Caller>,

    /// What the API server may call: webhooks and aggregated APIs of the tenant's. It has no identity in the mesh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub api_server_callbacks: Vec<Callback>,
}

/// Through what a tenant may be called from outside the cluster.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Serve {
    /// Gateways of the settings, as NAMESPACE/NAME.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub gateways: Vec<String>,
}

/// What a tenant may call outside its own namespaces.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reach {
    /// Names of SharedServices.
    pub shared_services: Vec<String>,

    /// Names of hosts outside the cluster, called with TLS on port 443; `*.example.com` for all below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), transform = hosts)]
    pub hosts: Vec<String>,

    /// Addresses outside the cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub cidrs: Vec<Cidr>,
}

/// Addresses, and the ports there.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Cidr {
    /// Such as `203.0.113.0/24`.
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "isCIDR(self) && cidr(self).masked() == cidr(self)",
        "message": "not a network, such as 203.0.113.0/24",
    }, {
        "rule": "!isCIDR(self) || cidr(self).prefixLength() >= 8",
        "message": "so many addresses are everybody's",
    }]), length(max = 43))]
    pub cidr: String,
    /// TCP; one at least.
    #[schemars(length(min = 1, max = 20))]
    pub ports: Vec<u16>,
}

/// A service account that may call a tenant's workloads.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub service_account: String,
    /// The pods' ports; every one unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub ports: Vec<u16>,
}

/// A port of some pods that the API server may call.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Callback {
    /// The labels of the pods; one at least.
    #[schemars(extend("minProperties" = 1), transform = label_values)]
    pub selector: BTreeMap<String, String>,
    /// The pods' port.
    #[schemars(range(min = 1))]
    pub port: u16,
}

fn hosts(schema: &mut Schema) {
    let host = json_schema!({
        "type": "string", "maxLength": 200,
        "pattern": "^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
    });
    schema.insert("items".to_owned(), host.into());
}

/// A selector that the API server would not take later is refused here.
pub(super) fn label_values(schema: &mut Schema) {
    let value = json_schema!({
        "type": "string", "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$",
    });
    schema.insert("additionalProperties".to_owned(), value.into());
}
