//! The kinds of the group `bulkhead.dev`, as users write them. Pure: types and their schemas.

mod tenant;

pub use tenant::{Subject, SubjectKind, Tenant, TenantSpec};

/// The API group of every kind here.
pub const GROUP: &str = "bulkhead.dev";
