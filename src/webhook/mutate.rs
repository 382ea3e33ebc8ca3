use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::json;

use super::again::look;
use super::handler::Hook;
use super::wire::Answer;
use crate::policy::labelling::{Added, Labelling, label};
use crate::policy::{Review, Unjudged};

/// Adds missing labels to a namespace. If the user is in no known tenant, or there is no snapshot yet, reloads
/// Tenants once: the Tenant may be newer than the snapshot.
pub(super) async fn mutate(hook: &Hook, review: &Review<'_>) -> Answer {
    let label_now = || hook.snapshots.newest().map_or(Err(Unjudged::NotReady), |snapshot| label(review, &snapshot));
    let mut labelling = label_now();
    let is_missing = match &labelling {
        Ok(labelling) => labelling.rests_on_a_stranger,
        Err(why) => matches!(why, Unjudged::NotReady),
    };
    if is_missing {
        look(review.namespace, &hook.snapshots, &hook.waiters).await;
        labelling = label_now();
    }
    match labelling {
        Ok(labelling) => Answer::patch(patch(&labelling), warnings(&labelling)),
        // A refusal here would take effect despite `failurePolicy: Ignore`. The validating webhook refuses instead.
        Err(why) => {
            hook.metrics.unjudged(why.reason());
            Answer::default()
        }
    }
}

/// Returns one operation for each label, after one that creates the map if the namespace has no labels.
fn patch(labelling: &Labelling) -> Patch {
    let room = (!labelling.has_labels && !labelling.add.is_empty()).then(|| add(&[], json!({})));
    let labels = labelling.add.iter().map(|label| add(&[label.key], json!(label.value)));
    Patch(room.into_iter().chain(labels).collect())
}

fn add(below_labels: &[&str], value: serde_json::Value) -> PatchOperation {
    let path = PointerBuf::from_tokens(["metadata", "labels"].iter().chain(below_labels).copied());
    PatchOperation::Add(AddOperation { path, value })
}

fn warnings(labelling: &Labelling) -> Vec<String> {
    let put_back = |label: &Added| {
        let Added { key, value } = label;
        format!("metadata.labels[{key}]: Bulkhead restored `{value}`, which only the platform may remove")
    };
    if labelling.restored { labelling.add.iter().map(put_back).collect() } else { Vec::new() }
}
