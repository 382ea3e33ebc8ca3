//! The baseline controller: keeps the objects of the baseline in every tenant's namespace, for every tenant, around every
//! shared service, and once for the cluster. `reconcile` is its loop.

mod apply;
mod cache;
mod deny_all;
mod errors;
mod events;
mod pending_write;
mod plan;
mod reconcile;
mod store;
mod sync_state;
mod target;
mod workqueue;

pub(super) use errors::ReconcileErrors;
pub(super) use reconcile::run;
pub(super) use target::Target;
