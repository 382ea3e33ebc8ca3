//! A caller that can send the webhook anything: raw bytes over TLS, one by one if a test needs it.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::pki::Pair;

pub struct Caller {
    address: SocketAddr,
    /// The caller's own address; chosen by the system if there is none.
    source: Option<IpAddr>,
    name: String,
    config: Arc<ClientConfig>,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub type Connection = StreamOwned<ClientConnection, TcpStream>;

impl Caller {
    /// Calls `address` as the server `name`, trusting `bundle` (PEM).
    pub fn new(address: SocketAddr, name: &str, bundle: &str) -> Result<Self> {
        Self::with_certificate(address, name, bundle, None)
    }

    /// The same with a client certificate.
    pub fn with_certificate(
        address: SocketAddr,
        name: &str,
        bundle: &str,
        client: Option<&Pair>,
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes());
                let chain = chain.collect::<Result<Vec<_>, _>>()?;
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { address, source: None, name: name.to_owned(), config: Arc::new(config) })
    }

    /// The same caller at another address of its own.
    #[must_use]
    pub fn from_address(self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self }
    }

    /// A TCP connection on which nothing has been sent.
    pub fn tcp(&self) -> Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        if let Some(source) = self.source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        socket.connect(&self.address.into())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(stream)
    }

    pub fn connect(&self) -> Result<Connection> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone().try_into()?)?;
        let mut connection = StreamOwned::new(session, self.tcp()?);
        while connection.conn.is_handshaking() {
            connection.conn.complete_io(&mut connection.sock).context("TLS handshake")?;
        }
        Ok(connection)
    }

    /// One request on a connection of its own.
    pub fn send(&self, request: &[u8]) -> Result<Answer> {
        let mut connection = self.connect()?;
        // A server that has refused the head may close the connection before it reads the body.
        let _ = connection.write_all(request);
        let _ = connection.flush();
        read(&mut connection)
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Result<Answer> {
        self.send(&request(path, body))
    }
}

/// A request in the form that the API server sends.
#[must_use]
pub fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Reads one answer with a `Content-Length`.
pub fn read(connection: &mut impl Read) -> Result<Answer> {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if connection.read(&mut byte).context("reading an answer's head")? == 0 {
            anyhow::bail!("the connection ended after {} bytes of an answer", bytes.len());
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes)?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse())
        })
        .unwrap_or(Ok(0))?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).context("reading an answer's body")?;
    Ok(Answer { status, head, body: String::from_utf8(body)? })
}

/// A GET over plain HTTP, on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    plain(address, &format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"))
}

/// A POST of JSON over plain HTTP, on a connection of its own.
pub fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> Result<Answer> {
    plain(address, &String::from_utf8(request(path, body.to_string().as_bytes()))?)
}

fn plain(address: SocketAddr, request: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    read(&mut stream)
}
