//! A mutating webhook of somebody else: it answers every review with the same patch.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use base64::Engine as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::pki::Authority;

/// Starts the webhook on loopback, until this process ends; returns its address. `patch` is a list of operations.
pub fn start(authority: &Authority, patch: &Value) -> Result<SocketAddr> {
    let pair = authority.server(&["127.0.0.1"])?;
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?)?;
    let (config, patch) = (Arc::new(config), patch.to_string());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, patch) = (Arc::clone(&config), patch.clone());
            thread::spawn(move || answer(&config, stream, &patch));
        }
    });
    Ok(address)
}

/// Answers one review, and closes the connection.
fn answer(config: &Arc<ServerConfig>, stream: TcpStream, patch: &str) -> Result<()> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(Arc::clone(config))?, stream));
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let review: Value = serde_json::from_slice(&body)?;
    let uid = review.pointer("/request/uid").context("a uid")?;
    let patch = base64::engine::general_purpose::STANDARD.encode(patch);
    let response = json!({ "uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": patch });
    let review =
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response });
    let body = review.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let stream = stream.get_mut();
    stream.write_all((head + &body).as_bytes())?;
    stream.flush()?;
    Ok(())
}
