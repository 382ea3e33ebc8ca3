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
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{error::Elapsed, timeout};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};

use super::again::Waiters;
use super::mutate::mutate;
use super::validate::validate;
use super::wire::{self, Answer};
use crate::policy::kind::WebhookEntry;
use crate::policy::{Review, JudgeError, Verdict};
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;

/// Maximum size of a body. A review can be twelve times the size of its object.
const MOST_BYTES: usize = 32 << 20;
/// Maximum size of all bodies that are being read or judged.
const MOST_BYTES_IN_FLIGHT: usize = 256 << 20;
/// Number of bytes that one permit covers.
const GRAIN: usize = 1 << 10;
/// The API server's own default, for requests that name no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The state that all requests share.
#[derive(Debug)]
pub struct Hook {
    pub snapshots: Arc<SnapshotStore>,
    pub metrics: Arc<Metrics>,
    pub(super) waiters: Waiters,
    in_flight: Semaphore,
}

impl Hook {
    pub fn new(snapshots: Arc<SnapshotStore>, metrics: Arc<Metrics>) -> Self {
        Self {
            snapshots,
            metrics,
            waiters: Waiters::default(),
            in_flight: Semaphore::new(MOST_BYTES_IN_FLIGHT / GRAIN),
        }
    }
}

/// Returns the routes `POST /validate/ENTRY` and `POST /mutate/labels`. No route redirects.
pub fn router(hook: Arc<Hook>) -> Router {
    let validate =
        async |State(hook): State<Arc<Hook>>, Path(entry): Path<String>, request: Request<Body>| {
            match WebhookEntry::ALL.iter().find(|known| known.name() == entry) {
                Some(entry) => answer(&hook, entry.name(), Side::Validating, request).await,
                None => StatusCode::NOT_FOUND.into_response(),
            }
        };
    let mutate = async |State(hook): State<Arc<Hook>>, request: Request<Body>| {
        answer(&hook, "labels", Side::Mutating, request).await
    };
    Router::new()
        .route("/validate/{entry}", post(validate))
        .route("/mutate/labels", post(mutate))
        .layer(CatchPanicLayer::new())
        .with_state(hook)
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Validating,
    Mutating,
}

/// The answer to a request that is not a review: a status, and a fixed text.
#[derive(Debug)]
struct Rejected(StatusCode, &'static str);

async fn answer(hook: &Hook, entry: &'static str, side: Side, request: Request<Body>) -> Response {
    match try_answer(hook, entry, side, request).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(Rejected(status, why)) => {
            hook.metrics.rejected(status.as_u16());
            warn!(entry, status = status.as_u16(), why, "rejected a request");
            (status, why).into_response()
        }
    }
}

async fn try_answer(
    hook: &Hook,
    entry: &'static str,
    side: Side,
    request: Request<Body>,
) -> Result<Vec<u8>, Rejected> {
    is_framed(request.headers())?;
    let budget = budget(request.uri());
    let start = Instant::now();
    let late = |_: Elapsed| Rejected(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    let (body, _room) = timeout(budget, read(hook, request.into_body())).await.map_err(late)??;

    let read = Instant::now();
    let envelope = wire::read(&body).map_err(|error| {
        warn!(entry, %error, "failed to read an AdmissionReview");
        Rejected(StatusCode::BAD_REQUEST, "not an AdmissionReview of admission.k8s.io/v1")
    })?;
    let review = envelope.review();
    let answer = match side {
        Side::Validating => timeout(budget.saturating_sub(start.elapsed()), validate(hook, &review))
            .await
            .unwrap_or_else(|_| Answer::verdict(&Verdict::Unjudged(JudgeError::DeadlineExceeded))),
        Side::Mutating => {
            timeout(budget.saturating_sub(start.elapsed()), mutate(hook, &review)).await.unwrap_or_default()
        }
    };
    log(entry, envelope.uid(), &review, answer.is_allowed());
    hook.metrics.answered(entry, answer.is_allowed(), read.elapsed());
    answer
        .write(envelope.uid())
        .map_err(|_| Rejected(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"))
}

/// Checks the headers: the body must be JSON, uncompressed and of known length, as an API server sends it.
fn is_framed(headers: &HeaderMap) -> Result<(), Rejected> {
    let json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Rejected(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send application/json without Content-Encoding",
        ));
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match length {
        _ if headers.contains_key(header::TRANSFER_ENCODING) => {
            Err(Rejected(StatusCode::LENGTH_REQUIRED, "send a Content-Length and no Transfer-Encoding"))
        }
        None => Err(Rejected(StatusCode::LENGTH_REQUIRED, "send a Content-Length")),
        Some(length) if length > MOST_BYTES => {
            Err(Rejected(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 32 MiB"))
        }
        Some(_) => Ok(()),
    }
}

/// Returns the body, and a permit for its size. The permit grows as bytes arrive, not with the announced length, so
/// that a caller who sends nothing holds nothing.
async fn read(hook: &Hook, mut body: Body) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Rejected> {
    let mut room: Option<SemaphorePermit<'_>> = None;
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Rejected(StatusCode::BAD_REQUEST, "the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        let places = u32::try_from(data.len().div_ceil(GRAIN)).unwrap_or(u32::MAX);
        let busy = |_| Rejected(StatusCode::SERVICE_UNAVAILABLE, "too many bytes in flight; try again");
        let more = hook.in_flight.try_acquire_many(places).map_err(busy)?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        // A common review is a single frame, which is not copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok((if whole.is_empty() { first } else { whole.freeze() }, room))
}

/// Returns nine tenths of the timeout that the caller sets with `?timeout=5s`, because the answer must still be sent.
fn budget(uri: &Uri) -> Duration {
    let granted = uri
        .query()
        .and_then(|query| query.split('&').find_map(|part| part.strip_prefix("timeout=")))
        .and_then(|text| text.strip_suffix('s')?.parse().ok())
        .map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    granted.min(LONGEST_TIMEOUT) * 9 / 10
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
