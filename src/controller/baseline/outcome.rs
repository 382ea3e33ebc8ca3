use std::sync::Arc;

use kube::api::DynamicObject;

use super::cache::{CacheVersion, PruneCandidate};
use super::plan::Plan;
use super::target::Target;
use crate::kinds::Kind;
use crate::snapshot::Namespace;

/// The outcome of one reconcile.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) target: Target,
    /// Version of the cache with which the plan was made.
    pub(super) cache_version: CacheVersion,
    /// True if the complete baseline was applied before.
    pub(super) was_ready: bool,
    /// The objects as the API server has returned them.
    pub(super) applied: Vec<(Kind, DynamicObject)>,
    pub(super) pruned: Vec<PruneCandidate>,
    /// The namespace that was marked ready, as the snapshot of the plan has it.
    pub(super) marked_ready: Option<(String, Arc<Namespace>)>,
    /// `Err` has the first error.
    pub(super) result: Result<(), String>,
}

impl Outcome {
    /// Returns the outcome of a plan of which no step has been taken yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            target: plan.target.clone(),
            cache_version: plan.cache_version.clone(),
            was_ready: plan.was_ready,
            applied: Vec::new(),
            pruned: Vec::new(),
            marked_ready: None,
            result: Ok(()),
        }
    }
}
