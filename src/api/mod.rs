//! The kinds of the group `bulkhead.dev`, as users write them. Pure: types and their schemas.

mod exemption;
mod shared_service;
mod status;
mod tenant;

pub use exemption::{Exemption, ExemptionSpec, Target, TargetKind};
pub use shared_service::{SharedPort, SharedService, SharedServiceSpec};
pub use status::{
    Audit, Condition, ExemptionStatus, GRANTS_RESOLVED, READY, SharedServiceStatus, TenantStatus,
};
pub use tenant::{Enforcement, Grants, Namespaces, Reach, Subject, SubjectKind, Tenant, TenantSpec};

/// The API group of every kind here.
pub const GROUP: &str = "bulkhead.dev";
