//! A proxy that asks istiod for its configuration, over HTTP/2 without TLS: istiod takes the proxy's word for its name.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A proxy, as it describes itself to istiod.
#[derive(Clone, Copy, Debug)]
pub enum Proxy<'n> {
    /// The proxy of a pod in this namespace.
    Sidecar(&'n str),
    /// A gateway in this namespace, with the value of its labels `app` and `istio`.
    Gateway(&'n str, &'n str),
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

const PATH: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const LISTENERS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// Returns the routes that istiod gives the proxy for its listener `name`, in which names are readable: those of the
/// clusters to which each host leads. Istiod listens on this port of loopback.
pub fn routes(port: u16, proxy: Proxy<'_>, name: &str) -> Result<String> {
    resources(port, proxy, ROUTES, Some(name))
}

/// Returns the clusters that istiod gives the proxy, with the TLS settings of each.
pub fn clusters(port: u16, proxy: Proxy<'_>) -> Result<String> {
    resources(port, proxy, CLUSTERS, None)
}

/// Returns the listeners that istiod gives the proxy, with the policies for its calls. The names of clusters are
/// readable in them.
pub fn listeners(port: u16, proxy: Proxy<'_>) -> Result<String> {
    resources(port, proxy, LISTENERS, None)
}

fn resources(port: u16, proxy: Proxy<'_>, kind: &str, name: Option<&str>) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(PREFACE)?;
    let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &WINDOW.to_be_bytes()].concat();
    stream.write_all(&frame(SETTINGS, 0, 0, &setting)?)?;
    stream.write_all(&frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes())?)?;
    stream.write_all(&frame(HEADERS, END_HEADERS, STREAM, &headers(port)?)?)?;
    let request = request(proxy, kind, name)?;
    let message = [&[0][..], &u32::try_from(request.len())?.to_be_bytes(), &request].concat();
    stream.write_all(&frame(DATA, 0, STREAM, &message)?)?;

    let mut answer = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).context("istiod sends nothing")?;
        let [high, middle, low, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])?)?,
            DATA => answer.extend(payload),
            HEADERS if flags & END_STREAM != 0 => bail!("istiod refuses the request"),
            GO_AWAY => bail!("istiod ends the connection: {}", String::from_utf8_lossy(&payload)),
            _ => {}
        }
        if let Some([_, length @ ..]) = answer.first_chunk::<5>() {
            let length = u32::from_be_bytes(*length) as usize;
            if let Some(message) = answer.get(5..5 + length) {
                return Ok(String::from_utf8_lossy(message).into_owned());
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
fn request(proxy: Proxy<'_>, resource: &str, name: Option<&str>) -> Result<Vec<u8>> {
    let (kind, namespace, app) = match proxy {
        Proxy::Sidecar(namespace) => ("sidecar", namespace, "asking"),
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
    let name = name.map_or(Ok(Vec::new()), |name| field(3, name.as_bytes()))?;
    Ok([field(2, &node)?, name, field(4, resource.as_bytes())?].concat())
}

/// A field of protobuf with bytes.
fn field(number: u8, value: &[u8]) -> Result<Vec<u8>> {
    let mut length = u32::try_from(value.len())?;
    let mut field = vec![(number << 3) | 2];
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f)? | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length)?);
    Ok([&field, value].concat())
}
