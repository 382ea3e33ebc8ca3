//! The calls in an ambient mesh: the caller, the way, and the expected result.

use Asker::{Granted, NotGranted};
use Ending::{Arrives, Dropped, Refused};
use Heard::{Another, Forged, Told, Untold};
use Protocol::{Http, Tcp};
use Though::AllAllowed;
use Way::{Namesake, OtherTrustDomain, Plaintext, Usual};
use Who::{
    AnotherTenant, Auditor, Gateway, GrantedCaller, GrantedGateway, Neighbour, Outsider, SharedService,
    Sibling,
};

use crate::asks::{Ask, Asker, Heard, LOGS, OWN, ask};
use crate::calls::{Ending, Protocol, Row, Though, Way, Who, row, though};

/// Calls of a tenant's pod, past its waypoint. The first two columns are verdicts of the double.
pub(super) const CALLS: &[Row] = &[
    row(Neighbour, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Neighbour, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Neighbour, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Neighbour, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    row(Sibling, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Sibling, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Sibling, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Sibling, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    row(AnotherTenant, Http, Usual, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Tcp, Usual, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, Namesake, [Arrives, Refused, Dropped]),
    row(Outsider, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(Outsider, Tcp, Plaintext, [Arrives, Refused, Dropped]),
    row(Outsider, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(GrantedGateway, Http, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedGateway, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedGateway, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Gateway, Http, Usual, [Arrives, Refused, Dropped]),
    row(Gateway, Tcp, Usual, [Arrives, Refused, Refused]),
    row(Gateway, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(Gateway, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(GrantedCaller, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedCaller, Http, Usual, [Arrives, Refused, Refused]),
    row(SharedService, Http, Usual, [Arrives, Refused, Dropped]),
    row(SharedService, Tcp, Usual, [Arrives, Refused, Dropped]),
    row(SharedService, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(SharedService, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(Auditor, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Auditor, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Auditor, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Auditor, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    though(AllAllowed, AnotherTenant, Http, Usual, [Arrives, Refused, Dropped]),
    though(AllAllowed, AnotherTenant, Tcp, Usual, [Arrives, Refused, Dropped]),
];

/// Calls of the tenant's Service through its waypoint, which then calls the pod in its own name.
pub(super) const THROUGH_WAYPOINT: &[Row] = &[
    row(Neighbour, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Neighbour, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Neighbour, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    row(Sibling, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Sibling, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(AnotherTenant, Http, Usual, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Tcp, Usual, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, Namesake, [Arrives, Refused, Dropped]),
    row(Outsider, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(GrantedCaller, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedCaller, Http, Usual, [Arrives, Refused, Refused]),
    row(SharedService, Http, Usual, [Arrives, Refused, Dropped]),
    row(SharedService, Tcp, Usual, [Arrives, Refused, Dropped]),
    row(Auditor, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Auditor, Tcp, Usual, [Arrives, Arrives, Arrives]),
];

/// Requests to the shared service with HTTP, through its waypoint. No caller has a proxy to call around.
pub(super) const ASKS: &[Ask] = &[
    ask(Granted, Usual, LOGS, &[], [Untold, Told, Told]),
    ask(Granted, Usual, "GET /ingest/pkt-acme/logs", &[], [Untold, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, "POST /ingest/pkt-beta/logs", &[], [Another, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, "POST /", &[], [Untold, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, LOGS, &["x-tenant-id: pkt-beta"], [Another, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, LOGS, &["x-tenant-id:"], [Another, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, LOGS, &[OWN, "x-tenant-id: pkt-beta"], [Another, Told, Told]),
    ask(Granted, Usual, LOGS, &["x-tenant-id: pkt-beta", OWN], [Another, Heard::Refused, Heard::Refused]),
    ask(
        Granted,
        Usual,
        LOGS,
        &["x-tenant-id:", OWN, "x-tenant-id: pkt-beta"],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(Granted, Usual, LOGS, &["x-tenant-id: pkt-acme,pkt-beta"], [Another, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, LOGS, &[OWN, "x_tenant_id: pkt-beta"], [Another, Told, Told]),
    ask(Granted, Usual, LOGS, &["x-tenant-identity: forged"], [Forged, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, LOGS, &["X-Tenant-Identity: forged"], [Forged, Heard::Refused, Heard::Refused]),
    ask(
        Granted,
        Usual,
        LOGS,
        &["x-tenant-identity: forged", "x-tenant-identity: forged"],
        [Forged, Heard::Refused, Heard::Refused],
    ),
    ask(Granted, Usual, LOGS, &["x-tenant-identity:"], [Forged, Heard::Refused, Heard::Refused]),
    ask(Granted, Usual, LOGS, &["x_tenant_identity: forged"], [Forged, Told, Told]),
    ask(Granted, Usual, LOGS, &["Connection: x-tenant-identity"], [Untold, Told, Told]),
    ask(Granted, Usual, LOGS, &["x-forwarded-client-cert: URI=forged"], [Untold, Told, Told]),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/../pkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/%2e%2e/pkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/..%2fpkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/%2e%2e%2Fpkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/..%5cpkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        r"POST /ingest/pkt-acme/..\pkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/..;/pkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/%2e%2e;x=y/pkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(
        Granted,
        Usual,
        "POST /ingest/pkt-acme/..//pkt-beta/logs",
        &[],
        [Another, Heard::Refused, Heard::Refused],
    ),
    ask(Granted, Usual, "POST /ingest//pkt-acme//logs", &[], [Untold, Told, Told]),
    ask(NotGranted, Usual, LOGS, &[], [Untold, Heard::Refused, Heard::Dropped]),
    ask(NotGranted, Namesake, LOGS, &[], [Untold, Heard::Refused, Heard::Dropped]),
    ask(Granted, OtherTrustDomain, LOGS, &[], [Untold, Heard::Refused, Heard::Refused]),
];

/// A call of a shared service's pod, past every waypoint.
pub(super) struct Served {
    pub(super) asker: Asker,
    pub(super) to: To,
    pub(super) way: Way,
    /// Without the mesh's policies; with them, by the proxies alone; and with network policies enforced.
    pub(super) endings: [Ending; 3],
}

/// A port of a shared service's pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The service's own port, with the protocol TCP.
    ServedTcp,
    /// A port that the service does not list.
    Unlisted,
    /// The service's own port, with the protocol HTTP, which the waypoint alone may call.
    ServedHttp,
}

pub(super) const SERVED: &[Served] = &[
    served(Granted, To::ServedTcp, Usual, [Arrives, Arrives, Arrives]),
    served(Granted, To::Unlisted, Usual, [Arrives, Refused, Refused]),
    served(Granted, To::ServedTcp, Plaintext, [Arrives, Refused, Refused]),
    served(Granted, To::ServedTcp, OtherTrustDomain, [Arrives, Refused, Refused]),
    served(NotGranted, To::ServedTcp, Usual, [Arrives, Refused, Dropped]),
    served(NotGranted, To::Unlisted, Usual, [Arrives, Refused, Dropped]),
    served(NotGranted, To::ServedTcp, Plaintext, [Arrives, Refused, Dropped]),
    served(NotGranted, To::ServedTcp, Namesake, [Arrives, Refused, Dropped]),
    served(Asker::Outsider, To::ServedTcp, Plaintext, [Arrives, Refused, Dropped]),
    served(Granted, To::ServedHttp, Usual, [Arrives, Refused, Dropped]),
    served(NotGranted, To::ServedHttp, Usual, [Arrives, Refused, Dropped]),
    served(Asker::Outsider, To::ServedHttp, Plaintext, [Arrives, Refused, Dropped]),
];

const fn served(asker: Asker, to: To, way: Way, endings: [Ending; 3]) -> Served {
    Served { asker, to, way, endings }
}

impl Served {
    /// The row of the documents' table with these results.
    pub(super) fn written(&self, endings: [&Ending; 3]) -> String {
        let (asker, to, way) = (self.asker.words(), self.to.words(), self.way.words());
        let [without, proxies, network] = endings.map(Ending::words);
        format!("| {asker} | {to}{way} | {without} | {proxies} | {network} |\n")
    }
}

impl To {
    fn words(self) -> &'static str {
        match self {
            Self::ServedTcp => "TCP",
            Self::Unlisted => "a port that the service does not list",
            Self::ServedHttp => "HTTP",
        }
    }
}
