mod metadata;
mod pod;
mod virtual_service;

use super::{Field, claim, fields, free, judged, keys, unjudged};
use crate::kinds::Kind;

static NOT_YET: &[Field] = &[free("")];

/// Returns the table of a kind.
pub fn table(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Pod => pod::TABLE,
        Kind::VirtualService => virtual_service::TABLE,
        _ => NOT_YET,
    }
}
