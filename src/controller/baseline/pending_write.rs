use crate::baseline::Manifest;

/// An object to create or to update.
pub(super) struct PendingWrite {
    pub(super) manifest: Manifest,
    /// True if the cache has an object of this name.
    pub(super) exists: bool,
}
