//! Requests a second over TLS, of Bulkhead and of the null webhook.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::{folder, write_pair};
use bulkhead_harness::pki::Authority;
use bulkhead_harness::process::{Process, processor_time};
use bulkhead_harness::program::{SERVER_NAME, Server};
use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::figures::{Figures, interleave, micros_each};
use crate::load::Load;
use crate::table::{Aim, Table};
use crate::variant::Variant;
use crate::{null_webhook, pod};

const CONNECTIONS: usize = 64;
/// Short rounds, so that the servers meet the same other work.
const ROUNDS: u32 = 25;
const ROUND: Duration = Duration::from_secs(1);

/// A server under load, with its figures.
struct Loaded {
    variant: Variant,
    process: Process,
    load: Load,
    per_second: Figures,
    /// Processor time for a request, in microseconds.
    server: Figures,
    load_generator: Figures,
}

pub(crate) fn measure(runtime: &Runtime) -> Vec<Aim> {
    let folder = folder("cost").expect("a folder");
    let authority = Authority::new("test-webhook").expect("a CA");
    let pair = authority.server(&[SERVER_NAME]).expect("a certificate");
    write_pair(&folder, "webhook", &pair).expect("written");
    let review = Bytes::from(pod::review("tenant-acme"));
    let variants = Variant::all().into_iter();
    let mut servers: Vec<Loaded> = variants
        .filter_map(|variant| {
            let (process, address) = start(variant, &folder)?;
            let load = Load::connect(
                address,
                &authority.certificate,
                CONNECTIONS,
                "/validate/workloads?timeout=5s",
                review.clone(),
            );
            let load = runtime.block_on(load);
            Some(Loaded {
                variant,
                process,
                load,
                per_second: Figures::default(),
                server: Figures::default(),
                load_generator: Figures::default(),
            })
        })
        .collect();
    for server in &mut servers {
        runtime.block_on(server.load.send_for(Duration::from_secs(1)));
    }
    for round in 0..ROUNDS {
        interleave(&mut servers, round, |server| server.measure(runtime));
    }
    print(&servers, review.len())
}

/// Starts the server of a variant, if it has one.
fn start(variant: Variant, folder: &Path) -> Option<(Process, SocketAddr)> {
    if variant == Variant::NullWebhook {
        return Some(null_webhook::start(folder));
    }
    let file = |name: &str| folder.join(name).display().to_string();
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/snapshot");
    let (certificate, key) = (file("webhook.crt"), file("webhook.key"));
    let arguments = ["--snapshot", snapshot, "--tls-cert", &certificate, "--tls-key", &key];
    let server = Server::start(&variant.binary()?, variant.name(), folder, &arguments, None);
    let mut server = server.expect("a server");
    server.wait_until_ready().expect("a ready server");
    Some((server.process, server.webhook))
}

impl Loaded {
    fn measure(&mut self, runtime: &Runtime) {
        let times = || {
            let server = self.process.processor_time().expect("its time");
            (server, processor_time(std::process::id()).expect("our time"))
        };
        let (server, load_generator) = times();
        let start = Instant::now();
        let answers = runtime.block_on(self.load.send_for(ROUND));
        let took = start.elapsed();
        let (server_end, load_generator_end) = times();
        self.per_second.push(f64::from(answers) / took.as_secs_f64());
        self.server.push(micros_each(server_end.saturating_sub(server), answers));
        let load_generator = load_generator_end.saturating_sub(load_generator);
        self.load_generator.push(micros_each(load_generator, answers));
    }
}

fn print(servers: &[Loaded], bytes: usize) -> Vec<Aim> {
    let find = |variant| servers.iter().find(|server| server.variant == variant);
    let null = find(Variant::NullWebhook).expect("a null webhook");
    let mut table = Table::new(
        &format!(
            "Requests a second over TLS, {CONNECTIONS} connections, reviews of {bytes} bytes, {ROUNDS} rounds. \
             The load generator and the server share the cores"
        ),
        &[
            "server",
            "requests a second",
            "beside the null webhook",
            "processor time of a request, µs",
            "the same of the load generator",
        ],
    );
    for server in servers {
        table.row(&[
            server.variant.title().to_owned(),
            server.per_second.text(0),
            server.per_second.ratio(&null.per_second).text(2),
            server.server.text(1),
            server.load_generator.text(1),
        ]);
    }
    table.print();
    let compared = servers.iter().filter(|server| server.variant.is_bulkhead());
    compared
        .map(|server| Aim {
            figure: "requests a second, beside the null webhook".to_owned(),
            variant: server.variant,
            found: server.per_second.ratio(&null.per_second).text(2),
            target: "at least 0.8",
        })
        .collect()
}
