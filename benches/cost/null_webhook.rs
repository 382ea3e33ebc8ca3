//! A webhook that allows everything. It has the server of Bulkhead: the same accept loop, TLS and HTTP. So its cost beside
//! Bulkhead's is that of a decision. Like Bulkhead it runs in a process of its own, so that its processor time is known:
//! the benchmark starts itself again with the argument `null-webhook`.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bulkhead::telemetry::Metrics;
use bulkhead::webhook::certificate::{CertificateFiles, from_files};
use bulkhead::webhook::server::{self, ConnectionLimits, Identities, Shutdown};
use bulkhead_harness::process::Process;
use tokio::net::TcpListener;

const ARGUMENT: &str = "null-webhook";

/// Starts the webhook with the certificate in `webhook.crt` and `webhook.key`. Returns its process and its address.
pub(crate) fn start(folder: &Path) -> (Process, SocketAddr) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(ARGUMENT).arg(folder.join("webhook.crt")).arg(folder.join("webhook.key"));
    let mut process = Process::start(ARGUMENT, folder, &mut command).expect("a null webhook");
    let address = process.wait_for(Duration::from_secs(30), |process| process.stdout().trim().parse().ok());
    let address = address.expect("its address");
    (process, address)
}

/// Returns the certificate and the key with which this process should serve, if it was started as the null webhook.
pub(crate) fn asked() -> Option<CertificateFiles> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [argument, certificate, key] = arguments.as_slice() else { return None };
    let files = || CertificateFiles { certificate: PathBuf::from(certificate), key: PathBuf::from(key) };
    (argument == ARGUMENT).then(files)
}

/// Serves until this process is killed.
pub(crate) async fn serve(files: CertificateFiles) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr().expect("its address")).expect("the address written");
    let metrics = Arc::new(Metrics::default());
    let certificate = from_files(files, Arc::clone(&metrics)).expect("a certificate");
    let identities = Identities { certificate, client_ca: None };
    let limits =
        ConnectionLimits { per_source: 1024, idle: Duration::from_mins(2), drain: Duration::from_secs(30) };
    let router = Router::new().fallback(allow);
    let served = server::serve(listener, identities, router, limits, metrics, Shutdown::default());
    served.await.expect("a server");
}

/// Allows a review. It reads nothing of it but its uid, without which the API server accepts no answer.
async fn allow(review: Bytes) -> impl IntoResponse {
    let answer = format!(
        "{{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\
         \"response\":{{\"uid\":\"{}\",\"allowed\":true}}}}",
        uid(&review)
    );
    ([(CONTENT_TYPE, "application/json")], answer)
}

/// Returns the uid of a review. It is the first field of the request, as an API server writes it.
fn uid(review: &[u8]) -> &str {
    const FIELD: &[u8] = b"\"uid\":\"";
    let start = review.windows(FIELD.len()).position(|part| part == FIELD).map(|start| start + FIELD.len());
    let rest = start.and_then(|start| review.get(start..)).unwrap_or_default();
    let uid = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
    std::str::from_utf8(uid).unwrap_or_default()
}
