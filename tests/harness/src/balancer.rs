//! A load balancer, as a Service is for its endpoints: each connection goes to the next endpoint, and stays with it until
//! one of the two ends closes it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::{pipe, wire};

/// A balancer that runs until this process ends. The owner adds and removes endpoints, as the controller of a Service's
/// endpoints does.
#[derive(Clone)]
pub struct Balancer {
    endpoints: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Balancer {
    /// Starts a balancer on this port of loopback, without endpoints.
    pub fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let balancer = Self { endpoints: Arc::default() };
        let accepting = balancer.clone();
        thread::spawn(move || {
            for (turn, caller) in listener.incoming().flatten().enumerate() {
                // Without an endpoint, or if it accepts no connection, the caller's is closed.
                if let Some(server) = accepting.turn(turn).and_then(|it| TcpStream::connect(it).ok()) {
                    let _ = pipe::join(caller, server);
                }
            }
        });
        Ok(balancer)
    }

    pub fn add(&self, endpoint: SocketAddr) {
        self.lock().push(endpoint);
    }

    /// Gives the endpoint no new connections. It keeps those that it has.
    pub fn remove(&self, endpoint: SocketAddr) {
        self.lock().retain(|other| *other != endpoint);
    }

    fn turn(&self, turn: usize) -> Option<SocketAddr> {
        let endpoints = self.lock();
        endpoints.get(turn % endpoints.len().max(1)).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a balancer on `port` whose endpoints are the replicas that are ready, a second later. A replica is given by its
/// webhook address and its admin address.
pub fn start(port: u16, replicas: impl IntoIterator<Item = (SocketAddr, SocketAddr)>) -> Result<()> {
    let balancer = Balancer::start(port)?;
    let replicas: Vec<_> = replicas.into_iter().collect();
    balancer.lock().extend(replicas.iter().map(|(webhook, _)| *webhook));
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            let is_ready =
                |admin| wire::get(admin, "/readyz").is_ok_and(|answer: wire::Answer| answer.status == 200);
            let ready = replicas.iter().filter(|(_, admin)| is_ready(*admin));
            *balancer.lock() = ready.map(|(webhook, _)| *webhook).collect();
        }
    });
    Ok(())
}
