//! The kinds of the API group `bulkhead.dev`: types and their schemas. Doc comments of fields are also the
//! descriptions in the CustomResourceDefinitions, which `kubectl explain` prints.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod exemption;
mod grants;
mod shared_service;
mod status;
mod tenant;

use schemars::Schema;
use serde_json::Value;

pub use exemption::{Exemption, ExemptionSpec, ExemptionTarget, TargetKind};
pub use grants::{Callback, Caller, Cidr, Grants, Nodes, Reach, Serve, Transport};
pub use shared_service::{AllowedTenants, Protocol, SharedPort, SharedService, SharedServiceSpec};
pub use status::{
    Audit, Condition, ExemptionStatus, GRANTS_RESOLVED, READY, SharedServiceStatus, TenantStatus,
    WAYPOINT_READY, WAYPOINTS_READY,
};
pub use tenant::{
    Authorization, Dataplane, Enforcement, Limits, Namespaces, SERVICE_ACCOUNTS_GROUP, Subject, SubjectKind,
    Tenant, TenantSpec, service_account,
};

/// Removes formats that Kubernetes does not know, and about which `kubectl apply` warns.
fn without_unsigned_formats(schema: &mut Schema) {
    if matches!(schema.get("format").and_then(Value::as_str), Some("uint16" | "uint32")) {
        schema.remove("format");
    }
}

/// The API group of these kinds.
pub use crate::kinds::OWN_GROUP as GROUP;
