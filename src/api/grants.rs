use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

/// Access beyond the tenant's own namespaces. Everything that is not granted is denied.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// Calls from outside the cluster, and the hosts that the tenant serves.
    pub serve: Serve,

    /// Calls of the tenant to destinations outside its namespaces.
    pub reach: Reach,

    /// Service accounts outside the tenant that may call its workloads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub callers: Vec<Caller>,

    /// Webhooks and aggregated APIs of the tenant that the API server may call. It has no identity in the mesh, so these
    /// ports accept plaintext from the addresses of the API servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub api_server_callbacks: Vec<Callback>,

    /// Service accounts in the tenant's namespaces whose pods may be gateways of Istio.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub gateway_pods: Vec<GatewayPods>,

    /// Nodes on which the tenant's pods run.
    #[serde(skip_serializing_if = "Nodes::is_default")]
    pub nodes: Nodes,
}

/// The pods of a service account, which may be gateways.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayPods {
    /// A namespace of the tenant.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// The name of the service account.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub service_account: String,
}

/// Nodes on which a tenant's pods run.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Nodes {
    /// Labels of the nodes, which every pod must have in its `nodeSelector`; any node by default.
    #[schemars(transform = label_values)]
    pub selector: BTreeMap<String, String>,

    /// Keys of the taints in `reservedTaints` of the settings that the pods may tolerate.
    #[schemars(length(max = 20))]
    pub tolerations: Vec<String>,
}

impl Nodes {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Calls to a tenant from outside the cluster, and the names that it answers to.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Serve {
    /// Gateways that may call the tenant, as NAMESPACE/NAME. Each must be in `gateways` of the settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub gateways: Vec<String>,

    /// Hosts outside the cluster that the tenant may serve in the mesh; `*.example.com` includes all subdomains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), transform = host_patterns)]
    pub hosts: Vec<String>,
}

/// Calls of a tenant to destinations outside its namespaces.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reach {
    /// Names of SharedServices that the tenant may call.
    pub shared_services: Vec<String>,

    /// Hosts outside the cluster that the tenant may call with TLS on port 443; `*.example.com` includes all subdomains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), transform = host_patterns)]
    pub hosts: Vec<String>,

    /// Address ranges outside the cluster that the tenant may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub cidrs: Vec<Cidr>,
}

/// An address range and its ports.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Cidr {
    /// The range, such as `203.0.113.0/24`; its prefix has at least 8 bits.
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "isCIDR(self) && string(cidr(self).masked()) == self",
        "message": "must be a network in CIDR form, in its shortest text, such as 203.0.113.0/24 or 2001:db8::/32",
    }, {
        "rule": "!isCIDR(self) || cidr(self).prefixLength() >= 8",
        "message": "prefix length must be at least 8",
    }]), length(max = 43))]
    pub cidr: String,
    /// Ports; at least one.
    #[schemars(length(min = 1, max = 20))]
    pub ports: Vec<u16>,
    /// The protocol on these ports: `TCP` or `UDP`.
    #[serde(default)]
    pub protocol: Transport,
}

/// The protocol of a port, as in a NetworkPolicy.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Transport {
    #[default]
    TCP,
    /// Passes the proxy, which redirects only TCP: network policies alone limit it.
    UDP,
}

impl Transport {
    /// Returns the name of the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TCP => "TCP",
            Self::UDP => "UDP",
        }
    }
}

impl Cidr {
    /// True if the grant is for TCP, and so for traffic that the proxy redirects.
    pub fn is_tcp(&self) -> bool {
        self.protocol == Transport::TCP
    }
}

/// A service account that may call a tenant's workloads.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// The namespace of the service account.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// The name of the service account.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub service_account: String,
    /// Ports of the pods; all by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub ports: Vec<u16>,
}

/// A port of some pods that the API server may call.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Callback {
    /// Labels of the pods; at least one.
    #[schemars(extend("minProperties" = 1), transform = label_values)]
    pub selector: BTreeMap<String, String>,
    /// The port of the pods.
    #[schemars(range(min = 1))]
    pub port: u16,
}

fn host_patterns(schema: &mut Schema) {
    let host = json_schema!({
        "type": "string", "maxLength": 200,
        "pattern": "^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
    });
    schema.insert("items".to_owned(), host.into());
}

/// Rejects label values here that the API server would reject later, in a selector.
pub(super) fn label_values(schema: &mut Schema) {
    let value = json_schema!({
        "type": "string", "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$",
    });
    schema.insert("additionalProperties".to_owned(), value.into());
}
