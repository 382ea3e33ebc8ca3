use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::list;
use super::pod::Pod;
use crate::pipe;

/// The processes behind each address and port of a Service.
#[derive(Default)]
pub(super) struct Routes(BTreeMap<String, Vec<SocketAddr>>);

impl Routes {
    /// Follows Services to the pods that EndpointSlices list as ready, as kube-proxy does.
    pub(super) fn new<'a>(
        services: impl Iterator<Item = &'a Value>,
        slices: impl Iterator<Item = &'a Value> + Clone,
        pods: &BTreeMap<String, Pod>,
    ) -> Self {
        let mut routes = BTreeMap::new();
        for service in services {
            let of_service = |slice: &&Value| {
                slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
            };
            for port in list(&service["spec"]["ports"]) {
                let slices = slices.clone().filter(of_service);
                let places = slices.flat_map(|slice| places(slice, &port["name"], pods)).collect();
                let address = service["spec"]["clusterIP"].as_str().unwrap_or_default();
                routes.insert(format!("{address}:{}", port["port"]), places);
            }
        }
        Self(routes)
    }
}

/// The processes of a slice's ready endpoints for the port of this name.
fn places(slice: &Value, port: &Value, pods: &BTreeMap<String, Pod>) -> Vec<SocketAddr> {
    let number = list(&slice["ports"]).find(|listed| listed["name"] == *port);
    let number: u16 = number.and_then(|listed| listed["port"].as_u64()?.try_into().ok()).unwrap_or(0);
    let ready = list(&slice["endpoints"]).filter(|endpoint| endpoint["conditions"]["ready"] == true);
    let place = |endpoint: &Value| {
        let pod = pods.values().find(|pod| endpoint["addresses"][0] == pod.address.as_str())?;
        pod.ports.get(&number).copied()
    };
    ready.filter_map(place).collect()
}

/// Starts the HTTP proxy at `socket` through which the API server calls Services. It runs until this process ends.
pub(super) fn proxy(socket: &Path, routes: Arc<Mutex<Routes>>) -> Result<()> {
    let listener = UnixListener::bind(socket)?;
    thread::spawn(move || {
        for (turn, caller) in listener.incoming().flatten().enumerate() {
            let routes = Arc::clone(&routes);
            // A refused call shows in the API server's answer.
            thread::spawn(move || drop(connect(caller, turn, &routes)));
        }
    });
    Ok(())
}

/// Reads a CONNECT request, and joins the caller with a process.
fn connect(mut caller: UnixStream, turn: usize, routes: &Mutex<Routes>) -> Result<()> {
    caller.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        ensure!(caller.read(&mut byte)? == 1 && request.len() < 8192, "not a request");
        request.extend(byte);
    }
    caller.set_read_timeout(None)?;
    let request = String::from_utf8(request)?;
    let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let target = target.context("not a CONNECT request")?;
    let routes = routes.lock().unwrap_or_else(PoisonError::into_inner).0.get(target).cloned();
    let places = routes.unwrap_or_default();
    let Some(place) = places.get(turn.checked_rem(places.len()).unwrap_or(0)) else {
        caller.write_all(b"HTTP/1.1 503 no endpoints\r\n\r\n")?;
        bail!("{target} has no ready endpoint");
    };
    let process = TcpStream::connect(place)?;
    caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    pipe::join(caller, process)?;
    Ok(())
}
