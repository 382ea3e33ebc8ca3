//! Forwards connections, and bytes between two of them.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::thread;

/// Copies in both directions, each until its end.
pub(crate) fn join(caller: impl Into<OwnedFd>, server: impl Into<OwnedFd>) -> io::Result<()> {
    // Sockets of every family are read, written and shut down by the same calls.
    let (caller, server) = (TcpStream::from(caller.into()), TcpStream::from(server.into()));
    for (mut from, mut to) in [(caller.try_clone()?, server.try_clone()?), (server, caller)] {
        thread::spawn(move || {
            let _ = to.set_nodelay(true);
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

/// Forwards the connections of a socket, which other network namespaces reach by its file, to a port of loopback.
pub(crate) fn forward(listener: UnixListener, port: u16) {
    thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let _ = join(caller, server);
        }
    });
}
