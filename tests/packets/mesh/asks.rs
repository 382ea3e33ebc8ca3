//! Calls to a shared service, and the identity of the caller that the service receives.

use Asker::{Granted, NotGranted, Outsider};
use Heard::{Another, Dropped, Forged, Refused, Told, Untold};

use super::objects::{ACME, SHARED};
use super::rows::Way;
use Way::{Around, Namesake, OtherTrustDomain, Plaintext, Usual};

pub(super) struct Ask {
    pub(super) asker: Asker,
    pub(super) way: Way,
    pub(super) line: &'static str,
    headers: &'static [&'static str],
    /// Without Bulkhead; with it, by the proxies alone; with it, and with network policies enforced.
    pub(super) heard: [Heard; 3],
}

#[derive(Clone, Copy)]
pub(super) enum Asker {
    Granted,
    NotGranted,
    Outsider,
}

/// The request as it reaches the workload of the shared service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
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

/// A request that a tenant may make, with [`OWN`].
const LOGS: &str = "POST /ingest/pkt-acme/logs";
const OWN: &str = "x-tenant-id: pkt-acme";

/// Each request has the tenant's own id unless it sets that header itself.
pub(super) const ASKS: &[Ask] = &[
    ask(Granted, Usual, LOGS, &[], [Untold, Told, Told]),
    ask(Granted, Around, LOGS, &[], [Untold, Told, Told]),
    ask(Granted, Usual, "GET /ingest/pkt-acme/logs", &[], [Untold, Refused, Refused]),
    ask(Granted, Usual, "POST /ingest/pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Usual, "POST /", &[], [Untold, Refused, Refused]),
    ask(Granted, Usual, LOGS, &["x-tenant-id: pkt-beta"], [Another, Refused, Refused]),
    ask(Granted, Usual, LOGS, &["x-tenant-id:"], [Another, Refused, Refused]),
    ask(Granted, Around, LOGS, &[OWN, "x-tenant-id: pkt-beta"], [Another, Told, Told]),
    ask(Granted, Around, LOGS, &["x-tenant-id: pkt-beta", OWN], [Another, Refused, Refused]),
    ask(Granted, Around, LOGS, &["x-tenant-id:", OWN, "x-tenant-id: pkt-beta"], [Another, Refused, Refused]),
    ask(Granted, Around, LOGS, &["x-tenant-id: pkt-acme,pkt-beta"], [Another, Refused, Refused]),
    ask(Granted, Around, LOGS, &[OWN, "x_tenant_id: pkt-beta"], [Another, Told, Told]),
    ask(Granted, Usual, LOGS, &["x-tenant-identity: forged"], [Forged, Refused, Refused]),
    ask(Granted, Around, LOGS, &["x-tenant-identity: forged"], [Forged, Refused, Refused]),
    ask(Granted, Around, LOGS, &["X-Tenant-Identity: forged"], [Forged, Refused, Refused]),
    ask(
        Granted,
        Around,
        LOGS,
        &["x-tenant-identity: forged", "x-tenant-identity: forged"],
        [Forged, Refused, Refused],
    ),
    ask(Granted, Around, LOGS, &["x-tenant-identity:"], [Forged, Refused, Refused]),
    ask(Granted, Around, LOGS, &["x_tenant_identity: forged"], [Forged, Told, Told]),
    ask(Granted, Around, LOGS, &["Connection: x-tenant-identity"], [Untold, Told, Told]),
    ask(Granted, Around, LOGS, &["x-forwarded-client-cert: URI=forged"], [Forged, Told, Told]),
    ask(Granted, Around, "POST /ingest/pkt-acme/../pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/%2e%2e/pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/..%2fpkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/%2e%2e%2Fpkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/..%5cpkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, r"POST /ingest/pkt-acme/..\pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/..;/pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/%2e%2e;x=y/pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest/pkt-acme/..//pkt-beta/logs", &[], [Another, Refused, Refused]),
    ask(Granted, Around, "POST /ingest//pkt-acme//logs", &[], [Untold, Told, Told]),
    ask(NotGranted, Usual, LOGS, &[], [Untold, Refused, Refused]),
    ask(NotGranted, Around, LOGS, &[], [Untold, Refused, Dropped]),
    ask(NotGranted, Namesake, LOGS, &[], [Untold, Refused, Dropped]),
    ask(Granted, OtherTrustDomain, LOGS, &[], [Untold, Refused, Refused]),
    ask(Granted, Plaintext, LOGS, &[], [Untold, Refused, Refused]),
    ask(Outsider, Plaintext, LOGS, &["x-tenant-identity: forged"], [Forged, Refused, Dropped]),
];

const fn ask(
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
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        let says_id = self.headers.iter().any(|header| header.starts_with("x-tenant-id:"));
        (!says_id).then_some(OWN).into_iter().chain(self.headers.iter().copied())
    }

    /// The row of the documents' table with these results.
    pub(super) fn written(&self, heard: [&Heard; 3]) -> String {
        let asker = match self.asker {
            Granted => "granted",
            NotGranted => "not granted",
            Outsider => "outside the mesh",
        };
        let parts = std::iter::once(self.line).chain(self.headers.iter().copied());
        let parts: Vec<String> = parts.map(|part| format!("`{part}`")).collect();
        let (way, parts) = (self.way.words(), parts.join(", "));
        let [without, proxies, network] = heard.map(Heard::words);
        format!("| {asker}{way} | {parts} | {without} | {proxies} | {network} |\n")
    }
}

impl Asker {
    pub(super) fn pod(self) -> &'static str {
        match self {
            Granted => "neighbour",
            NotGranted => "another",
            Outsider => "outsider",
        }
    }
}

impl Heard {
    /// Reads the answer of the workload, which repeats the request that it received.
    pub(super) fn of(said: &str) -> Self {
        let name = format!("log-collector.{SHARED} ");
        let Some((request, headers)) =
            said.split_once(&name).and_then(|(_, request)| request.trim().split_once('\n'))
        else {
            return Self::Failed(said.to_owned());
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
            Heard::Failed(reason) => reason,
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
