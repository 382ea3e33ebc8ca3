//! The HTTP side of the webhook: routes, limits on size and time, and metrics, log and trace of each request.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{error::Elapsed, timeout};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{error, warn};

use super::decision_span::describe;
use super::mutate::mutate;
use super::outcome::Outcome;
use super::retry::judge_with_retry;
use super::settings::check_settings;
use super::state::{PERMIT_BYTES, Webhook};
use super::wire;
use crate::kinds::WebhookEntry;
use crate::policy::{JudgeError, Review, Verdict};
use crate::telemetry::MUTATING_ENTRY;

/// Maximum size of a body. A review can be twelve times the size of its object.
const MAX_BODY_BYTES: usize = 32 << 20;
/// The API server's own default, for requests that name no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the routes `POST /validate/ENTRY` and `POST /mutate/labels`. No route redirects.
pub fn router(webhook: Arc<Webhook>) -> Router {
    let validate =
        async |State(webhook): State<Arc<Webhook>>, Path(entry): Path<String>, request: Request<Body>| {
            match WebhookEntry::ALL.iter().find(|known| known.name() == entry) {
                Some(entry) => {
                    let admission_type = match entry {
                        WebhookEntry::Settings => AdmissionType::Settings,
                        _ => AdmissionType::Validating,
                    };
                    handle(&webhook, entry.name(), admission_type, request).await
                }
                None => StatusCode::NOT_FOUND.into_response(),
            }
        };
    let mutate = async |State(webhook): State<Arc<Webhook>>, request: Request<Body>| {
        handle(&webhook, MUTATING_ENTRY, AdmissionType::Mutating, request).await
    };
    let metrics = Arc::clone(&webhook.metrics);
    let on_panic = move |_: Box<dyn Any + Send>| {
        metrics.admission.record_invalid(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
        error!("failed to judge a request: a fault in Bulkhead");
        (StatusCode::INTERNAL_SERVER_ERROR, "the webhook failed").into_response()
    };
    Router::new()
        .route("/validate/{entry}", post(validate))
        .route("/mutate/labels", post(mutate))
        .layer(CatchPanicLayer::custom(on_panic))
        .with_state(webhook)
}

#[derive(Clone, Copy, Debug)]
enum AdmissionType {
    Validating,
    Mutating,
    Settings,
}

/// The answer to a request that is not a review: a status, and a fixed text.
#[derive(Debug)]
struct HttpError(StatusCode, &'static str);

async fn handle(
    webhook: &Webhook,
    entry: &'static str,
    admission_type: AdmissionType,
    request: Request<Body>,
) -> Response {
    match try_handle(webhook, entry, admission_type, request).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(HttpError(status, message)) => {
            webhook.metrics.admission.record_invalid(status.as_u16());
            warn!(entry, status = status.as_u16(), message, "rejected a request");
            let mut response = (status, message).into_response();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                // An API server then calls again, within its own time limit.
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            response
        }
    }
}

async fn try_handle(
    webhook: &Webhook,
    entry: &'static str,
    admission_type: AdmissionType,
    request: Request<Body>,
) -> Result<Vec<u8>, HttpError> {
    let length = body_length(request.headers())?;
    let mut span = webhook.traces.begin(entry, request.headers());
    let time_limit = time_limit(request.uri());
    let start = Instant::now();
    let _in_flight = webhook.metrics.admission.begin_request(entry);
    let timed_out = |_: Elapsed| HttpError(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    let (body, _permit) = timeout(time_limit, read(webhook.permits(length), length, request.into_body()))
        .await
        .map_err(timed_out)??;

    webhook.metrics.admission.record_body(entry, body.len());
    let read = Instant::now();
    let snapshot = webhook.snapshots.newest();
    let envelope = wire::read(&body, snapshot.as_deref()).map_err(|error| {
        warn!(entry, %error, "failed to read an AdmissionReview");
        HttpError(StatusCode::BAD_REQUEST, "not an AdmissionReview of admission.k8s.io/v1")
    })?;
    let mut review = envelope.review();
    review.is_in_unowned_namespace = entry == WebhookEntry::Unowned.name();
    let outcome = decide(webhook, admission_type, &review, time_limit.saturating_sub(start.elapsed())).await;
    let duration = read.elapsed();
    outcome.record(&webhook.metrics.admission);
    let newest = webhook.snapshots.newest();
    let response = outcome.response(review.namespace, newest.as_deref());
    webhook.metrics.admission.record_request(
        entry,
        review.operation,
        response.is_allowed(),
        envelope.is_dry_run(),
        duration,
    );
    webhook.decision_log.write(entry, &envelope, &review, &outcome, duration);
    describe(&mut span, entry, &envelope, &review, &outcome);
    response
        .write(envelope.uid())
        .map_err(|_| HttpError(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"))
}

async fn decide(
    webhook: &Webhook,
    admission_type: AdmissionType,
    review: &Review<'_>,
    time_left: Duration,
) -> Outcome {
    match admission_type {
        AdmissionType::Validating => {
            let verdict = judge_with_retry(review, &webhook.snapshots, &webhook.waiters);
            let verdict = timeout(time_left, verdict).await;
            Outcome::Judged(verdict.unwrap_or(Verdict::Unjudged(JudgeError::DeadlineExceeded)))
        }
        AdmissionType::Mutating => {
            let labelled = timeout(time_left, mutate(webhook, review)).await;
            labelled.unwrap_or(Outcome::NotLabelled(JudgeError::DeadlineExceeded))
        }
        AdmissionType::Settings => {
            Outcome::Settings(check_settings(review, webhook.snapshots.newest().as_deref()))
        }
    }
}

/// Returns the length of the body, which must be JSON, uncompressed and of known length, as an API server sends it.
fn body_length(headers: &HeaderMap) -> Result<usize, HttpError> {
    let json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(HttpError(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send application/json without Content-Encoding",
        ));
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match length {
        _ if headers.contains_key(header::TRANSFER_ENCODING) => {
            Err(HttpError(StatusCode::LENGTH_REQUIRED, "send a Content-Length and no Transfer-Encoding"))
        }
        None => Err(HttpError(StatusCode::LENGTH_REQUIRED, "send a Content-Length")),
        Some(length) if length > MAX_BODY_BYTES => {
            Err(HttpError(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 32 MiB"))
        }
        Some(length) => Ok(length),
    }
}

/// Returns the body, and a permit for its size. The permit grows as bytes arrive, not with the announced length, so
/// that a caller who sends nothing holds nothing.
async fn read(
    permits: &Semaphore,
    length: usize,
    mut body: Body,
) -> Result<(Bytes, Option<SemaphorePermit<'_>>), HttpError> {
    let mut permit: Option<SemaphorePermit<'_>> = None;
    let mut received = 0;
    let mut first_frame = Bytes::new();
    let mut buffer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| HttpError(StatusCode::BAD_REQUEST, "the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        received += data.len();
        // Rounded for the whole body: many frames of the largest body need no more permits than one.
        let held = permit.as_ref().map_or(0, SemaphorePermit::num_permits);
        let missing = received.div_ceil(PERMIT_BYTES).saturating_sub(held);
        let overloaded =
            |_| HttpError(StatusCode::SERVICE_UNAVAILABLE, "too many bytes in flight; try again");
        let added =
            permits.try_acquire_many(u32::try_from(missing).unwrap_or(u32::MAX)).map_err(overloaded)?;
        match &mut permit {
            Some(permit) => permit.merge(added),
            None => permit = Some(added),
        }
        // A common review is a single frame, which is not copied, or two, which are copied once.
        if first_frame.is_empty() && buffer.is_empty() {
            first_frame = data;
        } else {
            // Memory that is not written to yet takes no space, unlike a buffer that is copied to grow.
            buffer.reserve(length.saturating_sub(buffer.len()));
            buffer.extend_from_slice(&std::mem::take(&mut first_frame));
            buffer.extend_from_slice(&data);
        }
    }
    Ok((if buffer.is_empty() { first_frame } else { buffer.freeze() }, permit))
}

/// Returns nine tenths of the timeout that the caller sets with `?timeout=5s`, because the answer must still be sent.
fn time_limit(uri: &Uri) -> Duration {
    let granted = uri
        .query()
        .and_then(|query| query.split('&').find_map(|part| part.strip_prefix("timeout=")))
        .and_then(|text| text.strip_suffix('s')?.parse().ok())
        .map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    granted.min(MAX_TIMEOUT) * 9 / 10
}
