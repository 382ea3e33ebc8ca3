//! Forwards bytes between two connections.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
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
