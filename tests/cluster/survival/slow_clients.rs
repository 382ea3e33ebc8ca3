use std::io::Write;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::folder;
use bulkhead_harness::program::{SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Caller, Connection};
use support::review::injected_pod;
use support::{BINARY, WORLD};

const PATH: &str = "/validate/workloads?timeout=5s";
/// Connections that are idle after the handshake, of each of these addresses.
const IDLE: usize = 1000;
const IDLE_ADDRESSES: u8 = 5;
const STALLED: usize = 100;
/// Reviews of the largest size, sent at once.
const LARGE: usize = 24;
const LARGE_BYTES: usize = 32 << 20;
const HEALTHY: u32 = 500;
const MAX_MIB: f64 = 256.0;

/// Callers at other addresses hold connections, stall in the middle of requests, and send bodies of the largest size.
#[test]
fn slow_callers_and_large_bodies_fail_no_healthy_call() {
    let folder = folder("slow").unwrap();
    let arguments = ["--snapshot", WORLD, "--development-certificate", SERVER_NAME];
    let server = Server::start(&BINARY, "slow", &folder, &arguments, None).unwrap();
    let bundle = server.process.stdout();
    let caller = |last: u8| {
        Caller::new(server.webhook, SERVER_NAME, &bundle).unwrap().from_address([127, 0, 0, last].into())
    };
    let review = injected_pod("tenant-acme");
    let idle: Vec<Connection> = scope(|scope| {
        let threads: Vec<_> = (0..IDLE_ADDRESSES)
            .map(|address| {
                let caller = caller(10 + address);
                scope.spawn(move || (0..IDLE).filter_map(|_| caller.connect().ok()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    support::say(&format!("{} idle connections; {:.0} MiB", idle.len(), server.process.peak_mib().unwrap()));
    let request = wire::request(PATH, &review);
    let stalled = (0..STALLED).map(|index| {
        let mut connection = caller(20).connect().unwrap();
        connection.write_all(&request[..request.len() * (index + 1) / (STALLED + 2)]).unwrap();
        connection.flush().unwrap();
        connection
    });
    let stalled: Vec<Connection> = stalled.collect();

    let large = large_review(&review);
    let mut times = scope(|scope| {
        for _ in 0..LARGE {
            scope.spawn(|| caller(30).post(PATH, &large));
        }
        healthy_calls(&caller(1), &request)
    });
    drop((idle, stalled));
    times.sort();
    let peak = server.process.peak_mib().unwrap();
    support::say(&format!(
        "{} healthy calls: 50 % within {:.1?}, 99 % within {:.1?}, all within {:.1?}; at most {peak:.0} MiB",
        times.len(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1]
    ));
    assert!(peak < MAX_MIB, "{peak} MiB");
}

/// The review with an annotation that makes it as large as a body may be.
fn large_review(review: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(review.to_vec()).unwrap();
    let padding = "\"annotations\":{\"example.com/padding\":\"";
    let padded = text.replacen("\"annotations\":{", &format!("{padding}{{}}\","), 1);
    let padded = padded.replacen("{}", &"x".repeat(LARGE_BYTES - padded.len()), 1);
    assert!(padded.len() > LARGE_BYTES - 100 && padded.len() <= LARGE_BYTES, "{}", padded.len());
    padded.into_bytes()
}

/// Calls at a fixed rate, by turns on a connection that stays open and on a new one. Returns their times.
fn healthy_calls(caller: &Caller, request: &[u8]) -> Vec<Duration> {
    let mut kept = caller.connect().unwrap();
    let begin = Instant::now();
    let calls = (0..HEALTHY).map(|number| {
        sleep((begin + Duration::from_millis(20) * number).saturating_duration_since(Instant::now()));
        let start = Instant::now();
        let answer = if number.is_multiple_of(2) {
            kept.write_all(request).unwrap();
            wire::read(&mut kept)
        } else {
            caller.send(request)
        };
        let answer = answer.unwrap();
        assert!(answer.status == 200 && answer.body.contains("\"allowed\":true"), "{}", answer.head);
        start.elapsed()
    });
    calls.collect()
}
