use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use super::SharedServiceStatus;

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
    #[schemars(length(min = 1))]
    pub ports: Vec<SharedPort>,
}

/// A port that a shared service's pods listen on.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub struct SharedPort {
    /// The pod's port, not the Service's: policies see packets after the translation.
    #[schemars(range(min = 1))]
    pub port: u16,
}

/// A selector that the API server would not take later is refused here.
fn label_values(schema: &mut Schema) {
    let value =
        json_schema!({ "type": "string", "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$" });
    schema.insert("additionalProperties".to_owned(), value.into());
}
