//! The kinds of the group `bulkhead.dev`, as users write them. Pure: types and their schemas.

mod shared_service;
mod status;
mod tenant;

pub use shared_service::{SharedPort, SharedService, SharedServiceSpec};
pub use status::{Condition, GRANTS_RESOLVED, READY, SharedServiceStatus, TenantStatus};
pub use tenant::{Grants, Namespaces, Reach, Subject, SubjectKind, Tenant, TenantSpec};

/// The API group of every kind here.
pub const GROUP: &str = "bulkhead.dev";
