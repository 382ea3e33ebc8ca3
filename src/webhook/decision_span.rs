use super::outcome::{Outcome, short};
use super::wire::Envelope;
use crate::policy::{JudgeError, Review};
use crate::telemetry::RequestSpan;

/// Describes a decision in the span of its request, without the object and the user.
pub(super) fn describe(
    span: &mut RequestSpan,
    webhook: &'static str,
    envelope: &Envelope<'_>,
    review: &Review<'_>,
    outcome: &Outcome,
) {
    if !span.is_recording() {
        return;
    }
    for (key, value) in [
        ("admission.uid", envelope.uid()),
        ("admission.webhook", webhook),
        ("admission.operation", review.operation),
        ("admission.resource", &review.resource_name()),
        ("admission.decision", outcome.decision()),
        ("admission.rules", &outcome.refusing_rules().unwrap_or_default()),
        ("k8s.namespace.name", review.namespace),
        ("k8s.object.name", envelope.name().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            span.set(key, short(value).to_owned());
        }
    }
    if let Some(error) = outcome.error() {
        span.set_error(JudgeError::as_label(error));
    }
}
