use tracing::warn;

use super::again::judge_again;
use super::handler::Hook;
use super::wire::Answer;
use crate::policy::{Admitted, Review, Verdict};

/// Judges a review, and records the result in metrics and logs.
pub(super) async fn validate(hook: &Hook, review: &Review<'_>) -> Answer {
    let verdict = judge_again(review, &hook.snapshots, &hook.waiters).await;
    match &verdict {
        Verdict::Judged { refused, admitted, .. } => {
            for violation in refused {
                hook.metrics.refused_by(violation.code);
            }
            for Admitted { violation, why } in admitted {
                hook.metrics.admitted(violation.code, why);
            }
        }
        Verdict::Unjudged(why) => hook.metrics.unjudged(why.reason()),
    }
    let answer = Answer::verdict(&verdict);
    for (why, rules) in answer.annotations() {
        let resource = review.resource_name();
        let Review { operation, namespace, user, .. } = review;
        warn!(why, rules, operation, resource, namespace, user = user.name, "admitted a violation");
    }
    answer
}
