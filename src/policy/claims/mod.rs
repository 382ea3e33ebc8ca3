//! What an object names beyond itself, and whose that is: one file a sort of name. What a claim resolves to is said
//! here once, for every kind that makes it.

mod cidr;
mod namespace;
mod peer;

pub use peer::{PeerOrigin, resolve_peers};
