//! Requests to a shared service, and the identity of the caller that the service receives.

use bulkhead_harness::dataplane::Answer;

use Asker::{Granted, NotGranted, Outsider};
use Heard::{Another, Dropped, Failed, Forged, Refused, Told, Untold};

use crate::calls::{ACME, SHARED, Way, is_drop, is_refusal};

pub(crate) struct Ask {
    pub(crate) asker: Asker,
    pub(crate) way: Way,
    pub(crate) line: &'static str,
    headers: &'static [&'static str],
    /// Without Bulkhead; with it, by the proxies alone; with it, and with network policies enforced.
    pub(crate) heard: [Heard; 3],
}

#[derive(Clone, Copy)]
pub(crate) enum Asker {
    Granted,
    NotGranted,
    Outsider,
}

/// The request as it reaches the workload of the shared service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A request for the caller's own data, with the caller's identity.
    Told,
    /// One without an identity.
    Untold,
    /// One with a forged identity.
    Forged,
    /// A request for another tenant's data, as some workloads read it.
    Another,
    /// None: a proxy refuses it, or closes the connection.
    Refused,
    /// None: the network drops the connection's first packet.
    Dropped,
    Failed(String),
}

/// The answer of the called proxy to a path that the workload could read as another.
const NO_PATH: &str = "400";
/// A request that a tenant may make, with [`OWN`].
pub(crate) const LOGS: &str = "POST /ingest/pkt-acme/logs";
pub(crate) const OWN: &str = "x-tenant-id: pkt-acme";

/// Each request has the tenant's own id unless it sets that header itself.
pub(crate) const fn ask(
    asker: Asker,
    way: Way,
    line: &'static str,
    headers: &'static [&'static str],
    heard: [Heard; 3],
) -> Ask {
    Ask { asker, way, line, headers, heard }
}

impl Ask {
    /// The headers that are sent.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> {
        let says_id = self.headers.iter().any(|header| header.starts_with("x-tenant-id:"));
        (!says_id).then_some(OWN).into_iter().chain(self.headers.iter().copied())
    }

    /// The row of the documents' table with these results.
    pub(crate) fn written(&self, heard: [&Heard; 3]) -> String {
        let asker = self.asker.words();
        let parts = std::iter::once(self.line).chain(self.headers.iter().copied());
        let parts: Vec<String> = parts.map(|part| format!("`{part}`")).collect();
        let (way, parts) = (self.way.words(), parts.join(", "));
        let [without, proxies, network] = heard.map(Heard::words);
        format!("| {asker}{way} | {parts} | {without} | {proxies} | {network} |\n")
    }
}

impl Asker {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Granted => "granted",
            NotGranted => "not granted",
            Outsider => "outside the mesh",
        }
    }

    pub(crate) fn pod(self) -> &'static str {
        match self {
            Granted => "neighbour",
            NotGranted => "another",
            Outsider => "outsider",
        }
    }
}

impl Heard {
    pub(crate) fn of(answer: Answer) -> Self {
        match answer {
            Answer::Said(said) if said == NO_PATH => Refused,
            answer if is_refusal(&answer) => Refused,
            answer if is_drop(&answer) => Dropped,
            Answer::Said(said) => Self::read(&said),
            Answer::Refused(said) => Failed(said),
        }
    }

    /// Reads the answer of the workload, which repeats the request that it received.
    fn read(said: &str) -> Self {
        let name = format!("log-collector.{SHARED} ");
        let Some((request, headers)) =
            said.split_once(&name).and_then(|(_, request)| request.trim().split_once('\n'))
        else {
            return Failed(said.to_owned());
        };
        let target = request.split_whitespace().nth(1).unwrap_or_default();
        let headers = headers.lines().filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, &str)> =
            headers.map(|(key, value)| (key.to_lowercase().replace('_', "-"), value.trim())).collect();
        let of = |key: &str| -> Vec<&str> {
            headers.iter().filter(|(known, _)| known == key).map(|(_, value)| *value).collect()
        };
        let is_own = !resolved(target).starts_with("/ingest/pkt-beta/") && of("x-tenant-id") == ["pkt-acme"];
        let identity = format!("spiffe://cluster.local/ns/{ACME}/sa/default");
        let client = of("x-forwarded-client-cert").concat();
        match of("x-tenant-identity")[..] {
            _ if client.contains("forged") => Forged,
            _ if !is_own => Another,
            [] => Untold,
            [only] if only == identity => Told,
            _ => Forged,
        }
    }

    fn words(&self) -> &str {
        match self {
            Told => "arrives, by name",
            Untold => "arrives, nameless",
            Forged => "arrives, forged",
            Another => "arrives, for another",
            Refused => "refused",
            Dropped => "dropped",
            Failed(reason) => reason,
        }
    }
}

/// The path as the most lenient workload reads it: without parameters, decoded, with `..` resolved.
fn resolved(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let plain: Vec<&str> = path.split('/').map(|part| part.split(';').next().unwrap_or_default()).collect();
    let plain = plain.join("/").to_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    let mut walked = Vec::new();
    for part in plain.replace('\\', "/").split('/') {
        match part {
            "" | "." => {}
            ".." => drop(walked.pop()),
            part => walked.push(part.to_owned()),
        }
    }
    format!("/{}", walked.join("/"))
}
