use json_patch::Patch;

use super::wire::AdmissionResponse;
use crate::policy::{JudgeError, Verdict, WaivedViolation};
use crate::report;
use crate::snapshot::Snapshot;
use crate::telemetry::AdmissionMetrics;

/// Longer values of a request are cut off in logs and traces. Names of Kubernetes are shorter.
const MAX_LENGTH: usize = 256;

/// The outcome of a review: its answer, and what the metrics and the log record of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The verdict of the validating webhook.
    Judged(Verdict),
    /// The changes and warnings of the mutating webhook.
    Labelled { patch: Patch, warnings: Vec<String> },
    /// The warnings about changed settings, or the reason to refuse them.
    Settings(Result<Vec<String>, String>),
    /// The mutating webhook could not judge. A refusal would take effect despite `failurePolicy: Ignore`, so that it
    /// admits; the validating webhook refuses instead.
    NotLabelled(JudgeError),
}

impl Outcome {
    /// Returns the answer to a request in `namespace`.
    pub(super) fn response<'a>(
        &'a self,
        namespace: &str,
        snapshot: Option<&'a Snapshot>,
    ) -> AdmissionResponse<'a> {
        match self {
            Self::Judged(verdict) => {
                AdmissionResponse::from_verdict(verdict).in_namespace(namespace, snapshot)
            }
            Self::Labelled { patch, warnings } => AdmissionResponse::patch(patch.clone(), warnings.clone()),
            Self::Settings(Ok(warnings)) => AdmissionResponse::warn(warnings.clone()),
            Self::Settings(Err(reason)) => AdmissionResponse::refuse(reason.clone()),
            Self::NotLabelled(_) => AdmissionResponse::default(),
        }
    }

    pub(super) fn decision(&self) -> &'static str {
        match self {
            Self::Judged(verdict) => verdict.decision(),
            Self::Labelled { .. } | Self::Settings(Ok(_)) => "admitted",
            Self::Settings(Err(_)) => "refused",
            Self::NotLabelled(_) => "unjudged",
        }
    }

    /// Returns the codes of the rules for which the request is refused.
    pub(super) fn refusing_rules(&self) -> Option<String> {
        match self {
            Self::Judged(Verdict::Judged { refused, .. }) if !refused.is_empty() => {
                Some(report::codes(refused))
            }
            _ => None,
        }
    }

    /// Returns the violations that are admitted and recorded, with the reasons.
    pub(super) fn waived_rules(&self) -> Option<String> {
        let Self::Judged(Verdict::Judged { admitted, .. }) = self else { return None };
        let recorded = report::audit_annotations(admitted);
        let recorded: Vec<String> =
            recorded.into_iter().map(|(reason, codes)| format!("{reason}: {codes}")).collect();
        (!recorded.is_empty()).then(|| recorded.join("; "))
    }

    /// Returns the error for which the request could not be judged.
    pub(super) fn error(&self) -> Option<&JudgeError> {
        match self {
            Self::Judged(Verdict::Unjudged(error)) | Self::NotLabelled(error) => Some(error),
            _ => None,
        }
    }

    pub(super) fn record(&self, metrics: &AdmissionMetrics) {
        if let Some(error) = self.error() {
            metrics.record_unjudged(error);
        }
        if let Self::Judged(Verdict::Judged { refused, admitted, .. }) = self {
            for violation in refused {
                metrics.record_violation(violation.code);
            }
            for WaivedViolation { violation, reason } in admitted {
                metrics.record_waived(violation.code, reason);
            }
        }
    }
}

/// Returns the beginning of a text that is too long for a log or a trace.
pub(super) fn short(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_LENGTH)).unwrap_or(text)
}
