use tracing::warn;

use super::again::judge_again;
use super::handler::Hook;
use super::wire::Answer;
use crate::policy::{Review, Verdict};
use crate::report::codes;

/// Judges a review.
pub(super) async fn validate(hook: &Hook, review: &Review<'_>) -> Answer {
    let verdict = judge_again(review, &hook.worlds, &hook.waiters).await;
    match &verdict {
        Verdict::Judged { refused, overridden, .. } => {
            for violation in refused {
                hook.metrics.refused_by(violation.code);
            }
            for violation in overridden {
                hook.metrics.overridden(violation.code);
            }
            if !overridden.is_empty() {
                let (resource, rules) = (review.resource_name(), codes(overridden));
                let Review { operation, namespace, user, .. } = review;
                warn!(rules, operation, resource, namespace, user = user.name, "the glass is broken");
            }
        }
        Verdict::Unjudged(why) => hook.metrics.unjudged(why.reason()),
    }
    Answer::verdict(&verdict)
}
