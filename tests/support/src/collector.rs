//! A collector of traces: it takes OTLP over HTTP, in protocol buffers, on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use bulkhead_harness::protobuf::{text, value, values};

/// A span, with the name of the service that sent it.
#[derive(Clone, Debug)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub trace: String,
    pub parent: String,
    pub attributes: BTreeMap<String, String>,
    /// The message of an error; empty without one.
    pub error: String,
}

pub struct Collector {
    pub address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts a collector, which ends with this process.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, spans) = (listener.local_addr()?, Arc::default());
        let received = Arc::clone(&spans);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = Arc::clone(&received);
                thread::spawn(move || serve(stream, &received));
            }
        });
        Ok(Self { address, spans })
    }

    /// The spans that have arrived.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes the exports of one connection.
fn serve(stream: TcpStream, received: &Mutex<Vec<Span>>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            ensure!(stream.read_line(&mut head)? > 0, "the connection has ended");
            if let Some(text) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse()?;
            }
        }
        ensure!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "not an export of traces: {head}");
        ensure!(head.to_ascii_lowercase().contains("content-type: application/x-protobuf"), "{head}");
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let spans = spans(&body).context("an ExportTraceServiceRequest")?;
        received.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes())?;
    }
}

/// The spans of an `ExportTraceServiceRequest`, by the field numbers of `opentelemetry/proto/trace/v1/trace.proto`.
fn spans(request: &[u8]) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for resource_spans in values(request, 1)? {
        let service = attributes(value(resource_spans, &[1])?, 1)?.remove("service.name").unwrap_or_default();
        for scope_spans in values(resource_spans, 2)? {
            for span in values(scope_spans, 2)? {
                spans.push(Span {
                    service: service.clone(),
                    name: text(span, &[5])?,
                    trace: hex(value(span, &[1])?),
                    parent: hex(value(span, &[4])?),
                    attributes: attributes(span, 9)?,
                    error: text(span, &[15, 2])?,
                });
            }
        }
    }
    Ok(spans)
}

/// The attributes with texts in the field `number`.
fn attributes(message: &[u8], number: u64) -> Result<BTreeMap<String, String>> {
    values(message, number)?
        .map(|attribute| Ok((text(attribute, &[1])?, text(attribute, &[2, 1])?)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
