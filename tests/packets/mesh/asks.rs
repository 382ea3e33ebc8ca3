//! The requests to a shared service, and the expected results.

use Asker::{Granted, NotGranted, Outsider};
use Heard::{Another, Dropped, Forged, Refused, Told, Untold};
use Way::{Around, Namesake, OtherTrustDomain, Plaintext, Usual};

pub(super) use crate::asks::{Ask, Heard};
use crate::asks::{Asker, LOGS, OWN, ask};
use crate::calls::Way;

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
