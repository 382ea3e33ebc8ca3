//! # BH609 `uncaptured-listener`
//!
//! ## What it does
//! Refuses a Sidecar with a listener that does not take its calls as the proxy's redirection brings them, speaks TLS
//! of its own, or hands them to anything but a port of the pod's own programs.
//!
//! Admitted are `captureMode` `DEFAULT` and `IPTABLES`, `bind` to the loopback, and a `defaultEndpoint` on the
//! loopback or on the pod's own address (`0.0.0.0:PORT`), but none of the proxy's own ports (15000 to 15099).
//!
//! ## Why it matters
//! Where a listener is bound as written, other ports are the program's own affair, and what comes in there is not
//! checked; its own TLS takes the place of the mesh's. A socket in the proxy's files, or its port for
//! administration, would answer to whoever calls.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   workloadSelector: { labels: { app: web } }
//!   outboundTrafficPolicy: { mode: REGISTRY_ONLY }
//!   ingress:
//!     - port: { number: 8080, protocol: HTTP, name: http }
//!       captureMode: NONE # BH609
//!       bind: 0.0.0.0 # BH609
//!       defaultEndpoint: unix:///var/run/secrets/workload-spiffe-uds/socket # BH609
//!     - port: { number: 8443, protocol: HTTPS, name: https }
//!       defaultEndpoint: 127.0.0.1:8443
//!       tls: # BH609
//!         mode: SIMPLE
//!     - port: { number: 8081, protocol: HTTP, name: admin }
//!       defaultEndpoint: 127.0.0.1:15000 # BH609
//!   egress:
//!     - hosts: [./*]
//!       captureMode: NONE # BH609
//!       bind: 0.0.0.0 # BH609
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   workloadSelector: { labels: { app: web } }
//!   outboundTrafficPolicy: { mode: REGISTRY_ONLY }
//!   ingress:
//!     - { port: { number: 80, protocol: HTTP, name: http }, defaultEndpoint: "127.0.0.1:8080" }
//!     - { port: { number: 81, protocol: HTTP, name: api }, defaultEndpoint: "0.0.0.0:8081", captureMode: DEFAULT }
//!   egress: [{ hosts: [./*], bind: 127.0.0.1, port: { number: 3306, protocol: TCP, name: db } }]
//! ```

use std::net::{IpAddr, SocketAddr};

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::kind::Kind;
use crate::policy::object::{Listener, Spec};
use crate::policy::path::Path;
use crate::policy::quote;

pub(super) static RULE: Rule = Rule {
    code: "BH609",
    name: "uncaptured-listener",
    kinds: &[&[Kind::Policy(baseline::Kind::Sidecar)]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh609_uncaptured_listener.rs"),
    check,
};

const PROXY_PORTS: std::ops::Range<u16> = 15000..15100;

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some(Spec::Sidecar(sidecar)) = scope.spec_beside_the_baseline() else { return };
    for (list, listeners) in [("ingress", &sidecar.ingress), ("egress", &sidecar.egress)] {
        for (index, listener) in listeners.iter().enumerate() {
            judge(&Path::of(&["spec", list]).index(index), listener, findings);
        }
    }
}

fn judge(path: &Path<'_>, listener: &Listener<'_>, findings: &mut Findings) {
    let at = |field| path.clone().fields(&[field]);
    let Listener { capture_mode, bind, default_endpoint, tls, .. } = listener;
    if let Some(mode) = capture_mode.as_deref().filter(|mode| !["", "DEFAULT", "IPTABLES"].contains(mode)) {
        let message = format!("with {} this listener is not what the redirection leads to", quote(mode));
        findings.report(&at("captureMode"), message, "remove it");
    }
    if let Some(bind) = bind.as_deref().filter(|bind| !is_bind(bind)) {
        let message = format!("at {} this listener can be called around the redirection", quote(bind));
        findings.report(&at("bind"), message, "remove it, or write `127.0.0.1`");
    }
    if let Some(endpoint) = default_endpoint.as_deref().filter(|endpoint| !is_endpoint(endpoint)) {
        let message = format!("{} is not a port of the pod's own programs", quote(endpoint));
        findings.report(&at("defaultEndpoint"), message, "write `127.0.0.1:PORT`, or `0.0.0.0:PORT`");
    }
    if tls.is_some() {
        findings.report(&at("tls"), "this takes the place of the mesh's own TLS", "remove it");
    }
}

fn is_bind(bind: &str) -> bool {
    bind.is_empty() || bind.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// An unspecified address means the pod's own.
fn is_endpoint(endpoint: &str) -> bool {
    let is_own = |at: SocketAddr| {
        (at.ip().is_loopback() || at.ip().is_unspecified()) && !PROXY_PORTS.contains(&at.port())
    };
    endpoint.is_empty() || endpoint.parse().is_ok_and(is_own)
}
