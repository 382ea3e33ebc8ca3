//! Reads and writes `AdmissionReview` of `admission.k8s.io/v1`, as an API server sends and expects it.
//!
//! The types are Bulkhead's own, because objects must stay bytes, and a review must have its uid even if its object
//! cannot be read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::policy::object::{JsonStr, Stage};
use crate::policy::{JudgeError, Review, Verdict, Violation, WaivedViolation};
use crate::report;
use crate::snapshot::User;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// A review, with the uid that its answer must carry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    #[serde(borrow)]
    api_version: JsonStr<'a>,
    #[serde(borrow)]
    kind: JsonStr<'a>,
    #[serde(borrow)]
    request: AdmissionRequest<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionRequest<'a> {
    #[serde(borrow)]
    uid: JsonStr<'a>,
    #[serde(borrow)]
    resource: GroupResource<'a>,
    #[serde(borrow, default)]
    sub_resource: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    namespace: Option<JsonStr<'a>>,
    #[serde(borrow)]
    operation: JsonStr<'a>,
    #[serde(borrow)]
    user_info: UserInfo<'a>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct GroupResource<'a> {
    #[serde(borrow)]
    group: JsonStr<'a>,
    #[serde(borrow)]
    resource: JsonStr<'a>,
}

#[derive(Debug, Deserialize)]
struct UserInfo<'a> {
    #[serde(borrow, default)]
    username: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    groups: Option<Vec<JsonStr<'a>>>,
}

/// Error of a request that is not a review, and so cannot be answered with one.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("not an AdmissionReview: {}", json(.0))]
    Json(#[from] serde_json::Error),
    #[error("not an AdmissionReview of admission.k8s.io/v1")]
    OtherKind,
}

/// Describes the position of a JSON error, without the text at that position.
fn json(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

/// Reads the envelope of a review.
pub fn read(bytes: &[u8]) -> Result<Envelope<'_>, ReviewError> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes)?;
    if *envelope.api_version == *API_VERSION && *envelope.kind == *KIND {
        Ok(envelope)
    } else {
        Err(ReviewError::OtherKind)
    }
}

impl Envelope<'_> {
    pub fn uid(&self) -> &str {
        &self.request.uid
    }

    /// Returns the review to judge, at the current time.
    pub fn review(&self) -> Review<'_> {
        let AdmissionRequest { resource, sub_resource, namespace, operation, user_info, .. } = &self.request;
        Review {
            operation,
            group: &resource.group,
            resource: &resource.resource,
            subresource: sub_resource.as_deref().unwrap_or_default(),
            namespace: namespace.as_deref().unwrap_or_default(),
            user: User {
                name: user_info.username.as_deref().unwrap_or_default(),
                groups: user_info.groups.iter().flatten().map(|group| &**group).collect(),
            },
            stage: Stage::Mutated,
            time: Timestamp::now().as_second(),
            object: non_null(self.request.object),
            old_object: non_null(self.request.old_object),
        }
    }
}

/// Returns `None` for `null`, which the API server sends for an absent object.
fn non_null(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// An answer, before serialization.
#[derive(Debug, Default)]
pub struct AdmissionResponse {
    refusal: Option<Status>,
    warnings: Vec<String>,
    patch: Option<json_patch::Patch>,
    /// Annotations for the API server's audit log.
    annotations: BTreeMap<&'static str, String>,
}

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

impl AdmissionResponse {
    /// Returns an answer that admits the request and changes the object.
    pub fn patch(patch: json_patch::Patch, warnings: Vec<String>) -> Self {
        Self { warnings, patch: Some(patch).filter(|patch| !patch.is_empty()), ..Self::default() }
    }

    pub fn from_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Unjudged(error) => Self { refusal: Some(judge_error(error)), ..Self::default() },
            Verdict::Judged { refused, admitted, contact, .. } => Self {
                refusal: (!refused.is_empty()).then(|| refusal(refused, contact.as_deref())),
                warnings: admitted.iter().map(warning).take(MAX_WARNINGS).collect(),
                patch: None,
                annotations: report::audit_annotations(admitted),
            },
        }
    }

    pub fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }

    pub(super) fn annotations(&self) -> &BTreeMap<&'static str, String> {
        &self.annotations
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
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'a BTreeMap<&'static str, String>,
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

fn warning(admitted: &WaivedViolation) -> String {
    let WaivedViolation { violation: Violation { code, field, message, .. }, reason } = admitted;
    format!("{code} {field}: {message} ({reason})")
}
