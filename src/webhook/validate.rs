use tracing::warn;

use super::again::judge_again;
use super::handler::Hook;
use super::wire::Answer;
use crate::policy::{WaivedViolation, Review, Verdict};

/// Judges a review, and records the result in metrics and logs.
pub(super) async fn validate(hook: &Hook, review: &Review<'_>) -> Answer {
    let verdict = judge_again(review, &hook.snapshots, &hook.waiters).await;
    match &verdict {
        Verdict::Judged { refused, admitted, .. } => {
            for violation in refused {
                hook.metrics.refused_by(violation.code);
            }
            for WaivedViolation { violation, reason } in admitted {
                hook.metrics.admitted(violation.code, reason);
            }
        }
        Verdict::Unjudged(error) => hook.metrics.unjudged(error.as_label()),
    }
    let answer = Answer::verdict(&verdict);
    for (reason, rules) in answer.annotations() {
        let resource = review.resource_name();
        let Review { operation, namespace, user, .. } = review;
        warn!(reason, rules, operation, resource, namespace, user = user.name, "admitted a violation");
    }
    answer
}
