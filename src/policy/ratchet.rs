//! The ratchet: an existing violation is only a warning while the fields that rules read stay unchanged. An object
//! that no longer passes can therefore still be scaled down, labelled or finalized.

use super::Review;
use super::kind::Kind;
use super::object;

/// True if all fields that rules read of this kind are the same before and after.
pub(super) fn is_unchanged(kind: Kind, review: &Review<'_>) -> bool {
    match (review.old_object, review.object) {
        (Some(old), Some(new)) => object::judged_fields_unchanged(kind, old, new),
        _ => false,
    }
}
