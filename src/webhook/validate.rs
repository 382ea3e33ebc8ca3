use tracing::warn;

use super::retry::judge_with_retry;
use super::state::Webhook;
use super::wire::AdmissionResponse;
use crate::policy::{Review, Verdict, WaivedViolation};

/// Judges a review, and records the result in metrics and logs.
pub(super) async fn validate(webhook: &Webhook, review: &Review<'_>) -> AdmissionResponse {
    let verdict = judge_with_retry(review, &webhook.snapshots, &webhook.waiters).await;
    match &verdict {
        Verdict::Judged { refused, admitted, .. } => {
            for violation in refused {
                webhook.metrics.record_violation(violation.code);
            }
            for WaivedViolation { violation, reason } in admitted {
                webhook.metrics.record_waived(violation.code, reason);
            }
        }
        Verdict::Unjudged(error) => webhook.metrics.record_unjudged(error.as_label()),
    }
    let response = AdmissionResponse::from_verdict(&verdict);
    for (reason, rules) in response.annotations() {
        let resource = review.resource_name();
        let Review { operation, namespace, user, .. } = review;
        warn!(reason, rules, operation, resource, namespace, user = user.name, "admitted a violation");
    }
    response
}
