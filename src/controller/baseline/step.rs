//! One step of a plan: an action, and the condition under which it is taken.

use std::sync::Arc;

use super::cache::PruneCandidate;
use crate::baseline::Manifest;
use crate::snapshot::Namespace;

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) after_failure: AfterFailure,
}

/// Says if a step is taken although an earlier step of the same plan has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    Take,
    Skip,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Adds labels to a namespace of the tenant, as far as the namespace still lacks them.
    AddLabels {
        namespace: String,
        tenant: String,
        labels: Vec<(&'static str, String)>,
    },
    /// Moves a namespace of the tenant to the ambient dataplane: adds its label and removes those of sidecars at once.
    MoveToAmbient {
        namespace: String,
        tenant: String,
        removed: Vec<&'static str>,
    },
    /// Sets the condition `BaselineReady` of a namespace to `False`.
    RevokeReady {
        namespace: String,
    },
    Write(Write),
    Prune(PruneCandidate),
    /// Sets the condition `BaselineReady` of a namespace to `True`.
    MarkReady {
        namespace: String,
        tenant: String,
        /// The namespace as the snapshot has it.
        known: Arc<Namespace>,
    },
}

/// An object to create or to update.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) manifest: Manifest,
    /// True if the cache has an object of this name.
    pub(super) exists: bool,
}

impl Action {
    /// Returns the name of the object that is written or pruned.
    pub(super) fn object_name(&self) -> Option<&str> {
        match self {
            Self::Write(write) => Some(&write.manifest.name),
            Self::Prune(candidate) => Some(&candidate.key.name),
            Self::AddLabels { .. }
            | Self::MoveToAmbient { .. }
            | Self::RevokeReady { .. }
            | Self::MarkReady { .. } => None,
        }
    }
}
