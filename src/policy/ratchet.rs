//! The ratchet: what was wrong before is a warning while it stays as it was, so that an object which no
//! longer passes can still be scaled down, labelled or finished with.

use super::Review;
use super::kind::Kind;
use super::object;

/// Whether all that the rules read of this kind is the same before and after.
pub(super) fn is_unchanged(kind: Kind, review: &Review<'_>) -> bool {
    match (review.old_object, review.object) {
        (Some(old), Some(new)) => object::judged_fields_unchanged(kind, old, new),
        _ => false,
    }
}
