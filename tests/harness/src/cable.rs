//! A connection to a server that can be cut and mended.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::pipe;

/// The open connections, and true if the cable is cut.
#[derive(Default)]
struct Wires {
    cut: bool,
    open: Vec<TcpStream>,
}

/// A proxy in front of a server. It forwards every connection until it is cut.
pub struct Cable {
    pub address: SocketAddr,
    wires: Arc<Mutex<Wires>>,
}

impl Cable {
    pub fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let wires = Arc::new(Mutex::new(Wires::default()));
        let shared = Arc::clone(&wires);
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let mut wires = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if !wires.cut {
                    wires.open.extend(join(caller, server).into_iter().flatten());
                }
            }
        });
        Ok(Self { address, wires })
    }

    /// Closes every connection and accepts none until it is mended.
    pub fn cut(&self) {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.cut = true;
        for end in wires.open.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner).cut = false;
    }
}

/// Connects the caller to the server; returns both connections.
fn join(caller: TcpStream, server: SocketAddr) -> io::Result<[TcpStream; 2]> {
    let server = TcpStream::connect(server)?;
    let ends = [caller.try_clone()?, server.try_clone()?];
    pipe::join(caller, server)?;
    Ok(ends)
}
