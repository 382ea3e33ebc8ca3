//! Field tables: for each kind, the treatment of every field of its schema. A test compares the tables with the schemas
//! that the API server serves. A field that no table lists is refused in tenants' namespaces: it is newer than
//! Bulkhead, and could open what the rules close.

mod claim_kind;
mod reader;
mod rows;
mod tables;
mod tree;

pub use claim_kind::ClaimKind;
pub use reader::{Found, FoundClaim, UnknownField, read};
pub use rows::{Row, join, rows};
pub use tables::{PARTS, table};
pub use tree::{Node, tree};

/// A row of a table: a field with all fields below it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The path: `spec.hosts[]` for each item of a list, `spec.set{}` for each value of a map. Empty for the object
    /// itself.
    pub path: &'static str,
    pub treatment: Treatment,
}

/// The treatment of a field.
#[derive(Clone, Copy, Debug)]
pub enum Treatment {
    /// The field concerns only the tenant's own objects.
    Free,
    /// Rules with these codes judge the field.
    Judged(&'static [&'static str]),
    /// The field names something, which must be the tenant's own or be granted. On a map, each key is the name.
    Claim(ClaimKind),
    /// Each key is judged by the table of labels and annotations.
    Keys,
    /// The whole object must equal one of the baseline, or only the platform may write it.
    Refused(&'static [&'static str]),
    /// The field can weaken the isolation, and no rule judges it yet.
    Unjudged,
    /// The fields below are those of another table.
    Table(&'static [Field]),
}

const fn free(path: &'static str) -> Field {
    Field { path, treatment: Treatment::Free }
}

const fn judged(path: &'static str, codes: &'static [&'static str]) -> Field {
    Field { path, treatment: Treatment::Judged(codes) }
}

const fn claim(path: &'static str, kind: ClaimKind) -> Field {
    Field { path, treatment: Treatment::Claim(kind) }
}

const fn keys(path: &'static str) -> Field {
    Field { path, treatment: Treatment::Keys }
}

const fn refused(path: &'static str, codes: &'static [&'static str]) -> Field {
    Field { path, treatment: Treatment::Refused(codes) }
}

const fn unjudged(path: &'static str) -> Field {
    Field { path, treatment: Treatment::Unjudged }
}

const fn fields(path: &'static str, table: &'static [Field]) -> Field {
    Field { path, treatment: Treatment::Table(table) }
}
