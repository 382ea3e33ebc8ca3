//! A load balancer, as a Service is for its endpoints. Each connection goes to the next replica that is ready. A
//! replica that reports that it is not ready gets no new connections a second later.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::{pipe, wire};

/// The addresses of a replica, and its last answer on `/readyz`.
struct Replica {
    webhook: SocketAddr,
    admin: SocketAddr,
    ready: AtomicBool,
}

/// Starts a balancer on `port` that runs until this process ends. A replica is given by its webhook address and its admin
/// address.
pub fn start(port: u16, replicas: impl IntoIterator<Item = (SocketAddr, SocketAddr)>) -> Result<()> {
    let replica = |(webhook, admin)| Replica { webhook, admin, ready: AtomicBool::new(true) };
    let replicas: Arc<Vec<Replica>> = Arc::new(replicas.into_iter().map(replica).collect());
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let watched = Arc::clone(&replicas);
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            for replica in watched.iter() {
                let ready = wire::get(replica.admin, "/readyz").is_ok_and(|answer| answer.status == 200);
                replica.ready.store(ready, Ordering::Relaxed);
            }
        }
    });
    thread::spawn(move || {
        for (turn, caller) in listener.incoming().flatten().enumerate() {
            let from_here = replicas.iter().cycle().skip(turn % replicas.len()).take(replicas.len());
            let next = from_here.filter(|replica| replica.ready.load(Ordering::Relaxed));
            // If no replica is ready, the connection is closed, as for a Service without endpoints.
            if let Some(replica) = next.take(1).find_map(|replica| TcpStream::connect(replica.webhook).ok()) {
                let _ = pipe::join(caller, replica);
            }
        }
    });
    Ok(())
}
