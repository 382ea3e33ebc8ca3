//! A connection to a server that can be cut and mended.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::pipe;

/// What goes through it, and whether anything may.
#[derive(Default)]
struct Wires {
    cut: bool,
    open: Vec<TcpStream>,
}

/// Stands before a server and carries every connection to it, until it is cut.
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

    /// Ends every connection, and takes none until it is mended.
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

/// Joins both; both ends.
fn join(caller: TcpStream, server: SocketAddr) -> io::Result<[TcpStream; 2]> {
    let server = TcpStream::connect(server)?;
    let ends = [caller.try_clone()?, server.try_clone()?];
    pipe::join(caller, server)?;
    Ok(ends)
}
