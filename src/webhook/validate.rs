use tracing::warn;

use super::again::judge_again;
use super::handler::Hook;
use super::wire::Answer;
use crate::policy::{Admitted, Review, Verdict};
use crate::report::audit_annotations;

/// Judges a review.
pub(super) async fn validate(hook: &Hook, review: &Review<'_>) -> Answer {
    let verdict = judge_again(review, &hook.worlds, &hook.waiters).await;
    match &verdict {
        Verdict::Judged { refused, admitted, .. } => {
            for violation in refused {
                hook.metrics.refused_by(violation.code);
            }
            for Admitted { violation, why } in admitted {
                hook.metrics.admitted(violation.code, why);
            }
            for (why, rules) in audit_annotations(admitted) {
                let resource = review.resource_name();
                let Review { operation, namespace, user, .. } = review;
                warn!(why, rules, operation, resource, namespace, user = user.name, "admitted all the same");
            }
        }
        Verdict::Unjudged(why) => hook.metrics.unjudged(why.reason()),
    }
    Answer::verdict(&verdict)
}
