//! Memory of `bulkhead serve`: resident size after 10,000 reviews over TLS. Run: `cargo bench --bench memory`

#![expect(clippy::expect_used, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

mod pod;
mod review;

use std::io::Write;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::program::{SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Caller};

const REVIEWS: usize = 10_000;
const CONNECTIONS: usize = 20;

fn main() {
    let folder = folder("memory").expect("a folder");
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/snapshot");
    let arguments = ["--snapshot", snapshot, "--development-certificate", SERVER_NAME];
    let binary = env!("CARGO_BIN_EXE_bulkhead").as_ref();
    let mut server = Server::start(binary, "memory", &folder, &arguments, None).expect("a server");
    server.wait_until_ready().expect("a ready server");
    let before = server.process.resident_mib().expect("its memory");

    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).expect("a caller");
    let request = wire::request("/validate/workloads?timeout=5s", &pod::review("tenant-acme"));
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| caller.connect().expect("a connection")).collect();
    for _ in 0..REVIEWS / CONNECTIONS {
        for connection in &mut connections {
            connection.write_all(&request).expect("a request sent");
        }
        for connection in &mut connections {
            assert_eq!(wire::read(connection).expect("an answer").status, 200);
        }
    }
    let after = server.process.resident_mib().expect("its memory");
    println!("resident, {REVIEWS} reviews of {} bytes over {CONNECTIONS} connections:", request.len());
    println!("  before {before:.1} MiB, after {after:.1} MiB   (aim: at most 30)");
}
