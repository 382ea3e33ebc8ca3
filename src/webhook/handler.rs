//! The HTTP side of the webhook: routes, limits on size and time, and the metrics and logs of each request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::sync::SemaphorePermit;
use tokio::time::{error::Elapsed, timeout};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};

use super::mutate::mutate;
use super::state::{PERMIT_BYTES, Webhook};
use super::validate::validate;
use super::wire::{self, AdmissionResponse};
use crate::kinds::WebhookEntry;
use crate::policy::{JudgeError, Review, Verdict};

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
                Some(entry) => handle(&webhook, entry.name(), AdmissionType::Validating, request).await,
                None => StatusCode::NOT_FOUND.into_response(),
            }
        };
    let mutate = async |State(webhook): State<Arc<Webhook>>, request: Request<Body>| {
        handle(&webhook, "labels", AdmissionType::Mutating, request).await
    };
    Router::new()
        .route("/validate/{entry}", post(validate))
        .route("/mutate/labels", post(mutate))
        .layer(CatchPanicLayer::new())
        .with_state(webhook)
}

#[derive(Clone, Copy, Debug)]
enum AdmissionType {
    Validating,
    Mutating,
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
            webhook.metrics.record_invalid(status.as_u16());
            warn!(entry, status = status.as_u16(), message, "rejected a request");
            (status, message).into_response()
        }
    }
}

async fn try_handle(
    webhook: &Webhook,
    entry: &'static str,
    admission_type: AdmissionType,
    request: Request<Body>,
) -> Result<Vec<u8>, HttpError> {
    check_headers(request.headers())?;
    let time_limit = time_limit(request.uri());
    let start = Instant::now();
    let timed_out = |_: Elapsed| HttpError(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    let (body, _permit) =
        timeout(time_limit, read(webhook, request.into_body())).await.map_err(timed_out)??;

    let read = Instant::now();
    let snapshot = webhook.snapshots.newest();
    let envelope = wire::read(&body, snapshot.as_deref()).map_err(|error| {
        warn!(entry, %error, "failed to read an AdmissionReview");
        HttpError(StatusCode::BAD_REQUEST, "not an AdmissionReview of admission.k8s.io/v1")
    })?;
    let mut review = envelope.review();
    review.is_in_unowned_namespace = entry == WebhookEntry::Unowned.name();
    let response = match admission_type {
        AdmissionType::Validating => {
            timeout(time_limit.saturating_sub(start.elapsed()), validate(webhook, &review))
                .await
                .unwrap_or_else(|_| {
                    AdmissionResponse::from_verdict(&Verdict::Unjudged(JudgeError::DeadlineExceeded))
                })
        }
        AdmissionType::Mutating => {
            timeout(time_limit.saturating_sub(start.elapsed()), mutate(webhook, &review))
                .await
                .unwrap_or_default()
        }
    };
    log(entry, envelope.uid(), &review, response.is_allowed());
    webhook.metrics.record_request(entry, response.is_allowed(), read.elapsed());
    response
        .write(envelope.uid())
        .map_err(|_| HttpError(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"))
}

/// Checks the headers: the body must be JSON, uncompressed and of known length, as an API server sends it.
fn check_headers(headers: &HeaderMap) -> Result<(), HttpError> {
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
        Some(_) => Ok(()),
    }
}

/// Returns the body, and a permit for its size. The permit grows as bytes arrive, not with the announced length, so
/// that a caller who sends nothing holds nothing.
async fn read(webhook: &Webhook, mut body: Body) -> Result<(Bytes, Option<SemaphorePermit<'_>>), HttpError> {
    let mut permit: Option<SemaphorePermit<'_>> = None;
    let mut first_frame = Bytes::new();
    let mut buffer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| HttpError(StatusCode::BAD_REQUEST, "the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        let permits = u32::try_from(data.len().div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let overloaded =
            |_| HttpError(StatusCode::SERVICE_UNAVAILABLE, "too many bytes in flight; try again");
        let added = webhook.in_flight.try_acquire_many(permits).map_err(overloaded)?;
        match &mut permit {
            Some(permit) => permit.merge(added),
            None => permit = Some(added),
        }
        // A common review is a single frame, which is not copied.
        if first_frame.is_empty() && buffer.is_empty() {
            first_frame = data;
        } else {
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

fn log(entry: &str, uid: &str, review: &Review<'_>, allowed: bool) {
    if allowed {
        tracing::debug!(entry, uid, operation = review.operation, namespace = review.namespace, "admitted");
    } else {
        let resource = review.resource_name();
        info!(
            entry,
            uid,
            operation = review.operation,
            resource,
            namespace = review.namespace,
            user = review.user.name,
            "refused"
        );
    }
}
