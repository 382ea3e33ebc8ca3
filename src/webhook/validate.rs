use super::again::judge_again;
use super::handler::Hook;
use super::wire::Answer;
use crate::policy::{Review, Verdict};

/// Judges a review.
pub(super) async fn validate(hook: &Hook, review: &Review<'_>) -> Answer {
    let verdict = judge_again(review, &hook.worlds, &hook.waiters).await;
    match &verdict {
        Verdict::Judged { refused, .. } => {
            for violation in refused {
                hook.metrics.refused_by(violation.code);
            }
        }
        Verdict::Unjudged(why) => hook.metrics.unjudged(why.reason()),
    }
    Answer::verdict(&verdict)
}
