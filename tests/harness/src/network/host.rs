//! A host: it listens on ports in a network namespace and sends the first packets of connections from there.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::Namespace;
use crate::evaluator::Port;

#[derive(Clone)]
pub struct Host {
    jobs: UnboundedSender<Job>,
}

/// A connection, or a datagram and its answer, from one of the host's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub from: IpAddr,
    pub to: IpAddr,
    pub port: Port,
}

struct Job {
    flows: Vec<Flow>,
    patience: Duration,
    result: mpsc::Sender<Result<Vec<bool>>>,
}

impl Host {
    /// Listens on each of `ports` of each address.
    pub fn start(namespace: &Namespace, addresses: &[IpAddr], ports: &[Port]) -> Result<Self> {
        let (jobs, mut queue) = unbounded_channel::<Job>();
        let (started, start) = mpsc::channel();
        let namespace = namespace.clone();
        let sockets: Vec<(Port, SocketAddr)> = addresses
            .iter()
            .flat_map(|address| ports.iter().map(|port| (*port, SocketAddr::new(*address, port.number()))))
            .collect();
        thread::spawn(move || {
            let runtime =
                namespace.enter().and_then(|()| Ok(Builder::new_current_thread().enable_all().build()?));
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            runtime.block_on(async move {
                let _ = started.send(serve(&sockets).await);
                while let Some(job) = queue.recv().await {
                    tokio::spawn(job.run());
                }
            });
        });
        start.recv().context("the host's thread ended")??;
        Ok(Self { jobs })
    }

    /// Sends all flows at once. For each the result says whether it arrived and was answered within `patience`.
    pub fn send(&self, flows: Vec<Flow>, patience: Duration) -> mpsc::Receiver<Result<Vec<bool>>> {
        let (result, receiver) = mpsc::channel();
        // If the thread has ended, the receiver says it.
        let _ = self.jobs.send(Job { flows, patience, result });
        receiver
    }
}

impl Job {
    async fn run(self) {
        let sent: Vec<_> =
            self.flows.iter().map(|flow| tokio::spawn(arrives(*flow, self.patience))).collect();
        let mut arrived = Vec::with_capacity(sent.len());
        for flow in sent {
            arrived.push(flow.await.unwrap_or_else(|error| Err(error.into())));
        }
        let _ = self.result.send(arrived.into_iter().collect());
    }
}

/// An answer that says that nobody listens is an error: the packet has arrived at a host without this port.
async fn arrives(flow: Flow, patience: Duration) -> Result<bool> {
    let Flow { from, to, port } = flow;
    let (from, to) = (SocketAddr::new(from, 0), SocketAddr::new(to, port.number()));
    let answer = timeout(patience, async {
        match port {
            Port::Tcp(_) => {
                let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                socket.bind(from)?;
                // The end of the connection is a reset: it leaves no state behind.
                socket.set_zero_linger()?;
                socket.connect(to).await.map(drop)
            }
            Port::Udp(_) => {
                let socket = UdpSocket::bind(from).await?;
                socket.connect(to).await?;
                socket.send(&[0]).await?;
                socket.recv(&mut [0]).await.map(drop)
            }
        }
    });
    match answer.await {
        Ok(answer) => answer.map(|()| true).with_context(|| format!("{flow:?}")),
        Err(_) => Ok(false),
    }
}

async fn serve(sockets: &[(Port, SocketAddr)]) -> Result<()> {
    for (port, address) in sockets {
        let context = || format!("listening on {address}, {port}");
        match port {
            Port::Tcp(_) => {
                let listener = TcpListener::bind(address).await.with_context(context)?;
                tokio::spawn(async move { while listener.accept().await.is_ok() {} });
            }
            Port::Udp(_) => {
                let socket = UdpSocket::bind(address).await.with_context(context)?;
                tokio::spawn(async move {
                    while let Ok((_, caller)) = socket.recv_from(&mut [0]).await {
                        let _ = socket.send_to(&[0], caller).await;
                    }
                });
            }
        }
    }
    Ok(())
}
