use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::json;

use super::outcome::Outcome;
use super::retry::refresh;
use super::state::Webhook;
use crate::policy::defaulting::{AddedLabel, LabelDefaults, Repair, default_labels};
use crate::policy::{JudgeError, Review};

/// Adds missing labels to a namespace. If the user is in no known tenant, or there is no snapshot yet, reloads
/// Tenants once: the Tenant may be newer than the snapshot.
pub(super) async fn mutate(webhook: &Webhook, review: &Review<'_>) -> Outcome {
    let compute = || {
        webhook
            .snapshots
            .newest()
            .map_or(Err(JudgeError::NotReady), |snapshot| default_labels(review, &snapshot))
    };
    let mut defaults = compute();
    let needs_refresh = match &defaults {
        Ok(defaults) => defaults.actor_unknown,
        Err(error) => matches!(error, JudgeError::NotReady),
    };
    if needs_refresh {
        refresh(review.namespace, &webhook.snapshots, &webhook.waiters).await;
        defaults = compute();
    }
    match defaults {
        Ok(defaults) => Outcome::Labelled { patch: patch(&defaults), warnings: warnings(&defaults) },
        Err(error) => Outcome::NotLabelled(error),
    }
}

/// Returns one operation for each label, after one that creates the map if the namespace has no labels.
fn patch(defaults: &LabelDefaults) -> Patch {
    let create_map = (!defaults.has_labels && !defaults.labels.is_empty()).then(|| add(&[], json!({})));
    let labels = defaults.labels.iter().map(|label| add(&[label.key], json!(label.value)));
    Patch(create_map.into_iter().chain(labels).collect())
}

fn add(below_labels: &[&str], value: serde_json::Value) -> PatchOperation {
    let path = PointerBuf::from_tokens(["metadata", "labels"].iter().chain(below_labels).copied());
    PatchOperation::Add(AddOperation { path, value })
}

fn warnings(defaults: &LabelDefaults) -> Vec<String> {
    let Some(Repair { may_reveal }) = defaults.repair else { return Vec::new() };
    let warning = |label: &AddedLabel| {
        let AddedLabel { key, value } = label;
        let restored = if may_reveal { format!("`{value}`") } else { "the label".to_owned() };
        format!("metadata.labels[{key}]: Bulkhead restored {restored}, which only the platform may remove")
    };
    defaults.labels.iter().map(warning).collect()
}
