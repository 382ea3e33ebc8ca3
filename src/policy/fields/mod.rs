//! Field tables: for each kind, the treatment of every field of its schema. A test compares the tables with the schemas
//! that the API server serves. A field that no table lists is refused in tenants' namespaces: it is newer than
//! Bulkhead, and could open what the rules close.

mod claim_kind;
mod field;
mod found;
mod limit;
mod reader;
mod rows;
mod tables;
mod tree;

use field::{claim, fields, free, judged, keys, limited, refused, unjudged};

pub use claim_kind::ClaimKind;
pub use field::{Field, Treatment};
pub use found::{FieldPlace, Found, FoundClaim, LimitedField, UnknownField, place_in_table};
pub use limit::{Limit, Values, text};
pub use reader::{SearchedValue, read};
pub use rows::{Row, join, rows};
pub use tables::{PARTS, table};
pub use tree::{Node, tree};
