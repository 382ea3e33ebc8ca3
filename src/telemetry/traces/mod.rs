//! Traces of requests over OTLP, if the usual environment variables name a collector.

mod client;

use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::warn;

use client::{ClientError, CollectorClient};

/// The name of the service in traces, unless `OTEL_SERVICE_NAME` has another.
const SERVICE: &str = "bulkhead";
/// The protocol with which Bulkhead sends traces.
const PROTOCOL: &str = "http/protobuf";
/// Time limit for the last traces when the process ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Error of environment variables with which traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("Bulkhead sends traces with the protocol `{PROTOCOL}`, and not with `{0}`")]
    Protocol(String),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("failed to prepare the export of traces: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// The export of traces, or none.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Exporting>);

#[derive(Clone, Debug)]
struct Exporting {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Starts the export if an environment variable names a collector. Exports on the current runtime.
    pub fn from_environment() -> Result<Self, TraceError> {
        let is_wanted = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").is_some()
            || variable("OTEL_EXPORTER_OTLP_ENDPOINT").is_some();
        let is_disabled = variable("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
        if !is_wanted || is_disabled {
            return Ok(Self::default());
        }
        let protocol = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
        match protocol.or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL")) {
            Some(protocol) if protocol != PROTOCOL => return Err(TraceError::Protocol(protocol)),
            _ => {}
        }
        let certificate = variable("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE");
        let certificate = certificate.or_else(|| variable("OTEL_EXPORTER_OTLP_CERTIFICATE"));
        let client = CollectorClient::new(certificate.as_deref())?;
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        let tracer = provider.tracer(SERVICE);
        Ok(Self(Some(Exporting { provider, tracer })))
    }

    /// Begins the span of a request, in the trace that its headers name.
    pub fn begin(&self, webhook: &'static str, headers: &HeaderMap) -> RequestSpan {
        RequestSpan(self.0.as_ref().map(|Exporting { tracer, .. }| {
            let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
            let span = tracer.span_builder(format!("admission {webhook}")).with_kind(SpanKind::Server);
            span.start_with_context(tracer, &parent)
        }))
    }

    /// Sends what has not been sent yet. Blocks until that is done.
    pub fn shut_down(&self) {
        if let Some(Exporting { provider, .. }) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT)
        {
            warn!(%error, "failed to send the last traces");
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the attributes of the process, of which the environment may set others.
fn resource() -> Resource {
    let resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let has_name = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES")
            .is_some_and(|attributes| attributes.contains("service.name="));
    if has_name { resource.build() } else { resource.with_service_name(SERVICE).build() }
}

/// The span of a request, which ends when it is dropped; none if no traces are exported.
#[derive(Debug)]
pub struct RequestSpan(Option<opentelemetry_sdk::trace::Span>);

impl RequestSpan {
    /// True if the span is exported, so that attributes are of use.
    pub fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(Span::is_recording)
    }

    pub fn set(&mut self, key: &'static str, value: String) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks the request as one that the webhook could not judge.
    pub fn set_error(&mut self, error: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(error));
        }
    }
}
