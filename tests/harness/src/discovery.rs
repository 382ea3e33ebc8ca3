//! A proxy that asks istiod for its configuration, over HTTP/2 without TLS: istiod takes the proxy's word for its name.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::protobuf::{field, text, value, values};

/// A proxy, as it describes itself to istiod.
#[derive(Clone, Copy, Debug)]
pub enum Proxy<'n> {
    /// The proxy of a pod in this namespace.
    Sidecar(&'n str),
    /// The proxy of a pod in this namespace with this label `app`.
    Pod(&'n str, &'n str),
    /// A gateway in this namespace, with the value of its labels `app` and `istio`.
    Gateway(&'n str, &'n str),
}

/// The configuration that istiod gives a proxy. Each resource is a message of Envoy's API.
#[derive(Debug)]
pub struct Configuration {
    pub clusters: Vec<Vec<u8>>,
    pub endpoints: Vec<Vec<u8>>,
    pub listeners: Vec<Vec<u8>>,
    pub routes: Vec<Vec<u8>>,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const STREAM: u32 = 1;
/// The setting for the bytes that istiod may send in a stream before they are acknowledged.
const INITIAL_WINDOW_SIZE: u16 = 4;
const WINDOW: u32 = 1 << 24;
/// The longest frame that istiod takes.
const FRAME: usize = 1 << 14;

const PATH: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const LISTENERS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// Returns the routes that istiod gives the proxy for its listener `name`, in which names are readable: those of the
/// clusters to which each host leads. Istiod listens on this port of loopback.
pub fn routes(port: u16, proxy: Proxy<'_>, name: &str) -> Result<String> {
    readable(port, proxy, ROUTES, &[name.to_owned()])
}

/// Returns the clusters that istiod gives the proxy, with the TLS settings of each.
pub fn clusters(port: u16, proxy: Proxy<'_>) -> Result<String> {
    readable(port, proxy, CLUSTERS, &[])
}

/// Returns the listeners that istiod gives the proxy, with the policies for its calls. The names of clusters are
/// readable in them.
pub fn listeners(port: u16, proxy: Proxy<'_>) -> Result<String> {
    readable(port, proxy, LISTENERS, &[])
}

/// Returns everything that istiod gives the proxy: clusters and listeners, and the endpoints and routes that these name.
pub fn configuration(port: u16, proxy: Proxy<'_>) -> Result<Configuration> {
    let mut stream = Stream::open(port, proxy)?;
    let clusters = stream.resources(CLUSTERS, &[])?;
    let names = clusters.iter().map(|cluster| text(cluster, &[1])).collect::<Result<Vec<_>>>()?;
    let endpoints = stream.resources(ENDPOINTS, &names)?;
    let listeners = stream.resources(LISTENERS, &[])?;
    let mut names = Vec::new();
    for listener in &listeners {
        for filter in values(listener, 3)?.map(|chain| values(chain, 3)).collect::<Result<Vec<_>>>()? {
            names.extend(filter.map(route_name).collect::<Result<Vec<_>>>()?.into_iter().flatten());
        }
    }
    names.sort();
    names.dedup();
    let routes = if names.is_empty() { Vec::new() } else { stream.resources(ROUTES, &names)? };
    Ok(Configuration { clusters, endpoints, listeners, routes })
}

/// Returns the name of the routes that a listener's filter asks for.
fn route_name(filter: &[u8]) -> Result<Option<String>> {
    let is_http = text(filter, &[4, 1])?.ends_with(".HttpConnectionManager");
    let name = if is_http { text(filter, &[4, 2, 3, 2])? } else { String::new() };
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// Returns istiod's answer as text. No names mean all resources of the kind.
fn readable(port: u16, proxy: Proxy<'_>, kind: &str, names: &[String]) -> Result<String> {
    let answer = Stream::open(port, proxy)?.ask(kind, names)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A stream of requests and answers.
struct Stream<'n> {
    proxy: Proxy<'n>,
    connection: TcpStream,
    /// The bytes of answers that were not read yet.
    received: Vec<u8>,
}

impl<'n> Stream<'n> {
    fn open(port: u16, proxy: Proxy<'n>) -> Result<Self> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.set_nodelay(true)?;
        connection.write_all(PREFACE)?;
        let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &WINDOW.to_be_bytes()].concat();
        connection.write_all(&frame(SETTINGS, 0, 0, &setting)?)?;
        connection.write_all(&frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes())?)?;
        connection.write_all(&frame(HEADERS, END_HEADERS, STREAM, &headers(port)?)?)?;
        Ok(Self { proxy, connection, received: Vec::new() })
    }

    /// Returns the resources of a kind: those with these names, or all.
    fn resources(&mut self, kind: &str, names: &[String]) -> Result<Vec<Vec<u8>>> {
        let answer = self.ask(kind, names)?;
        values(&answer, 2)?.map(|resource| Ok(value(resource, &[2])?.to_owned())).collect()
    }

    /// Returns a DiscoveryResponse.
    fn ask(&mut self, kind: &str, names: &[String]) -> Result<Vec<u8>> {
        let request = request(self.proxy, kind, names)?;
        let message = [&[0][..], &u32::try_from(request.len())?.to_be_bytes(), &request].concat();
        for part in message.chunks(FRAME) {
            self.connection.write_all(&frame(DATA, 0, STREAM, part)?)?;
        }
        loop {
            let answer = self.message()?;
            // Istiod also sends what has changed since an earlier answer.
            if text(&answer, &[4])? == kind {
                return Ok(answer);
            }
        }
    }

    /// Reads the next message of the stream.
    fn message(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some([_, length @ ..]) = self.received.first_chunk::<5>() {
                let end = 5 + u32::from_be_bytes(*length) as usize;
                if self.received.len() >= end {
                    let message: Vec<u8> = self.received.drain(..end).collect();
                    return Ok(message.get(5..).unwrap_or_default().to_owned());
                }
            }
            let mut head = [0; 9];
            self.connection.read_exact(&mut head).context("istiod sends nothing")?;
            let [high, middle, low, kind, flags, ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            self.connection.read_exact(&mut payload)?;
            match kind {
                SETTINGS if flags & ACK == 0 => {
                    self.connection.write_all(&frame(SETTINGS, ACK, 0, &[])?)?;
                }
                DATA => self.received.extend(payload),
                HEADERS if flags & END_STREAM != 0 => bail!("istiod refuses the request"),
                GO_AWAY => bail!("istiod ends the connection: {}", String::from_utf8_lossy(&payload)),
                _ => {}
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Vec<u8>> {
    let [_, length @ ..] = u32::try_from(payload.len())?.to_be_bytes();
    Ok([&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat())
}

/// The request's headers in HPACK, with two of the static table (`POST`, `http`) and no compression.
fn headers(port: u16) -> Result<Vec<u8>> {
    let text =
        |text: &str| Ok::<_, anyhow::Error>([&[u8::try_from(text.len())?][..], text.as_bytes()].concat());
    let mut block = vec![0x83, 0x86];
    // The names of these are in the table too.
    for (name, value) in [(0x01, format!("127.0.0.1:{port}")), (0x04, PATH.to_owned())] {
        block.push(name);
        block.extend(text(&value)?);
    }
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        block.push(0);
        block.extend(text(name)?);
        block.extend(text(value)?);
    }
    Ok(block)
}

/// A DiscoveryRequest.
fn request(proxy: Proxy<'_>, resource: &str, names: &[String]) -> Result<Vec<u8>> {
    let (kind, namespace, app) = match proxy {
        Proxy::Sidecar(namespace) => ("sidecar", namespace, "asking"),
        Proxy::Pod(namespace, app) => ("sidecar", namespace, app),
        Proxy::Gateway(namespace, app) => ("router", namespace, app),
    };
    let id = format!("{kind}~192.0.2.99~asking.{namespace}~{namespace}.svc.cluster.local");
    let string = |text: &str| field(3, text.as_bytes());
    let entry =
        |key: &str, value: Vec<u8>| field(1, &[field(1, key.as_bytes())?, field(2, &value)?].concat());
    // Istio's own gateway for Ingresses is selected by the second one.
    let labels = [entry("app", string(app)?)?, entry("istio", string(app)?)?].concat();
    let metadata = [entry("NAMESPACE", string(namespace)?)?, entry("LABELS", field(5, &labels)?)?].concat();
    let node = [field(1, id.as_bytes())?, field(3, &metadata)?].concat();
    let names = names.iter().map(|name| field(3, name.as_bytes())).collect::<Result<Vec<_>>>()?;
    Ok([field(2, &node)?, names.concat(), field(4, resource.as_bytes())?].concat())
}
