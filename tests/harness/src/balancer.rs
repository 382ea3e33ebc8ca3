//! What a Service does before its endpoints: each connection goes to the next replica that is ready, and one
//! that says it is not gets no new ones a second later.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::{pipe, wire};

/// Where a replica serves, where it says whether it is ready, and what it said last.
struct Replica {
    webhook: SocketAddr,
    admin: SocketAddr,
    ready: AtomicBool,
}

/// Balances until this process ends; where it listens. Each replica by its webhook's and its admin address.
pub fn start(replicas: impl IntoIterator<Item = (SocketAddr, SocketAddr)>) -> Result<SocketAddr> {
    let replica = |(webhook, admin)| Replica { webhook, admin, ready: AtomicBool::new(true) };
    let replicas: Arc<Vec<Replica>> = Arc::new(replicas.into_iter().map(replica).collect());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
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
            // Nobody is ready: the caller's connection is closed, as one to a Service without endpoints is.
            if let Some(replica) = next.take(1).find_map(|replica| TcpStream::connect(replica.webhook).ok()) {
                let _ = pipe::join(caller, replica);
            }
        }
    });
    Ok(address)
}
