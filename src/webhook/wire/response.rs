use std::borrow::Cow;

use arrayvec::ArrayVec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};

use super::{API_VERSION, KIND};
use crate::policy::{JudgeError, Verdict, Violation, WaivedViolation, WaiverReason};
use crate::report;
use crate::snapshot::Snapshot;

/// An answer, before serialization.
#[derive(Debug, Default)]
pub struct AdmissionResponse<'a> {
    refusal: Option<Status>,
    warnings: Vec<String>,
    patch: Option<json_patch::Patch>,
    annotations: Annotations<'a>,
}

/// Annotations for the API server's audit log: decision, rules, tenant, and one for each recorded reason of a waiver.
type Annotations<'a> = ArrayVec<(&'static str, Cow<'a, str>), { 3 + WaiverReason::LABELS.len() }>;

#[derive(Debug, Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Debug, Serialize)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Debug, Serialize)]
struct Cause {
    reason: &'static str,
    message: String,
    field: String,
}

/// Maximum number of warnings. With more, the API server truncates all of them.
const MAX_WARNINGS: usize = 10;

impl<'a> AdmissionResponse<'a> {
    /// Returns an answer that admits the request and changes the object.
    pub fn patch(patch: json_patch::Patch, warnings: Vec<String>) -> Self {
        Self { warnings, patch: Some(patch).filter(|patch| !patch.is_empty()), ..Self::default() }
    }

    /// Returns an answer that admits the request.
    pub fn warn(mut warnings: Vec<String>) -> Self {
        warnings.truncate(MAX_WARNINGS);
        Self { warnings, ..Self::default() }
    }

    /// Returns an answer that refuses an invalid object.
    pub fn refuse(message: String) -> Self {
        let refusal = Status { code: 422, reason: "Invalid", message, details: None };
        Self { refusal: Some(refusal), ..Self::default() }
    }

    pub fn from_verdict(verdict: &Verdict) -> Self {
        let mut annotations = Annotations::new();
        annotations.push(("decision", verdict.decision().into()));
        match verdict {
            Verdict::Unjudged(error) => {
                Self { refusal: Some(judge_error(error)), annotations, ..Self::default() }
            }
            Verdict::Judged { refused, admitted, contact, .. } => {
                if !refused.is_empty() {
                    annotations.push(("rules", report::codes(refused).into()));
                }
                let recorded = report::audit_annotations(admitted);
                annotations.extend(recorded.into_iter().map(|(reason, codes)| (reason, codes.into())));
                Self {
                    refusal: (!refused.is_empty()).then(|| refusal(refused, contact.as_deref())),
                    warnings: admitted.iter().filter_map(warning).take(MAX_WARNINGS).collect(),
                    patch: None,
                    annotations,
                }
            }
        }
    }

    /// Names the tenant of the namespace for the audit log.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str, snapshot: Option<&'a Snapshot>) -> Self {
        let tenant = snapshot.and_then(|snapshot| snapshot.namespace(namespace)?.tenant.as_deref());
        self.annotations.extend(tenant.map(|tenant| ("tenant", tenant.into())));
        self
    }

    pub fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }

    /// Serializes the answer to the review `uid`.
    pub fn write(&self, uid: &str) -> Result<Vec<u8>, serde_json::Error> {
        let patch = self.patch.as_ref().map(serde_json::to_vec).transpose()?;
        let review = AdmissionReview {
            api_version: API_VERSION,
            kind: KIND,
            response: ResponseBody {
                uid,
                allowed: self.is_allowed(),
                status: self.refusal.as_ref(),
                warnings: &self.warnings,
                patch_type: patch.is_some().then_some("JSONPatch"),
                patch: patch.map(|patch| BASE64.encode(patch)),
                audit_annotations: &self.annotations,
            },
        };
        serde_json::to_vec(&review)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionReview<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: ResponseBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseBody<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Status>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "map")]
    audit_annotations: &'a [(&'static str, Cow<'a, str>)],
}

fn map<S: Serializer>(entries: &[(&'static str, Cow<'_, str>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
}

fn refusal(violations: &[Violation], contact: Option<&str>) -> Status {
    let cause = |violation: &Violation| Cause {
        reason: violation.code,
        message: report::violation_text(violation),
        field: violation.field.clone(),
    };
    Status {
        code: 403,
        reason: "Forbidden",
        message: report::message(violations, contact),
        details: Some(Details { causes: violations.iter().map(cause).collect() }),
    }
}

/// Returns the status for a request that could not be judged. It is refused too, but with 503 where the request is
/// not at fault.
fn judge_error(error: &JudgeError) -> Status {
    let (code, reason) = match error {
        JudgeError::Unreadable(_) | JudgeError::MissingObject(_) | JudgeError::Unregistered { .. } => {
            (422, "Invalid")
        }
        JudgeError::UnknownNamespace(_) | JudgeError::NotReady | JudgeError::DeadlineExceeded => {
            (503, "ServiceUnavailable")
        }
    };
    Status { code, reason, message: error.to_string(), details: None }
}

/// Returns the warning to the user, if the user should know of the violation.
fn warning(admitted: &WaivedViolation) -> Option<String> {
    let WaivedViolation { violation: Violation { code, field, message, .. }, reason } = admitted;
    (*reason != WaiverReason::Audited).then(|| format!("{code} {field}: {message} ({reason})"))
}
