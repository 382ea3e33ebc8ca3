//! Claims: the namespaces, pods and addresses that an object names outside itself, and the owner of each. One file
//! for each sort of name. The result for a claim is defined here once, for every kind of object that makes it. Rules
//! decide if the result is a violation.

mod cidr;
mod namespace;
mod peer;

pub use peer::{PeerOrigin, resolve_peers};
