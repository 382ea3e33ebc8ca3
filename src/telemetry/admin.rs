use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::runtime::Handle;

use super::{Metrics, Readiness};

/// Returns the routes `/healthz`, `/readyz` and `/metrics`, for the kubelet and Prometheus.
pub fn admin(readiness: Arc<Readiness>, metrics: Arc<Metrics>) -> Router {
    let ready = Arc::clone(&readiness);
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || readiness_response(&readiness)))
        .route("/metrics", get(async move || metrics_response(&ready, &metrics)))
}

fn readiness_response(readiness: &Readiness) -> Response {
    let pending = readiness.pending();
    if pending.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}\n", pending.join(", "))).into_response()
}

fn metrics_response(readiness: &Readiness, metrics: &Metrics) -> Response {
    metrics.process.set_ready(readiness.pending().is_empty());
    metrics.process.set_tasks(Handle::current().metrics().num_alive_tasks());
    match metrics.encode(Instant::now()) {
        Ok(text) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, content_type)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
