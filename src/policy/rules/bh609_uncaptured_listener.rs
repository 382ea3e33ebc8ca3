//! # BH609 `uncaptured-listener`
//!
//! ## What it refuses
//! Refuses Sidecar listeners that bypass traffic capture or mTLS.
//!
//! Admitted are `captureMode` `DEFAULT` and `IPTABLES`, a `bind` to a loopback address, and a `defaultEndpoint` on the
//! loopback or on the pod's own address (`0.0.0.0:PORT`), except the proxy's own ports (15000 to 15099). A listener
//! with `tls` is refused.
//!
//! ## Why
//! With `captureMode: NONE` calls to other ports reach the program directly, and no policy checks them. A listener's
//! own `tls` replaces the mesh's mutual TLS. An endpoint in the proxy's files, or on its administration port, would
//! answer every caller.
//!
//! ## What to write instead
//! Remove `captureMode` and `tls`. Write `127.0.0.1` for `bind`, and `127.0.0.1:PORT` or `0.0.0.0:PORT` for
//! `defaultEndpoint`.
//!
//! ## How to get it allowed
//! Never. The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the
//! fields that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
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

use super::{Check, Request, Rule, RuleReport, quote};
use crate::policy::object::{Listener, Located, Sidecar};

pub(super) const RULE: Rule = Rule::new(Check::Sidecar(check));

const PROXY_PORTS: std::ops::Range<u16> = 15000..15100;

fn check(_: &Request<'_>, sidecar: &Sidecar<'_>, report: &mut RuleReport) {
    for listener in sidecar.ingress().elements().chain(sidecar.egress().elements()) {
        check_listener(&listener, report);
    }
}

fn check_listener(listener: &Located<'static, &Listener<'_>>, report: &mut RuleReport) {
    let is_captured = |mode: &str| ["", "DEFAULT", "IPTABLES"].contains(&mode);
    if let Some(mode) = listener.capture_mode().filter(|mode| !is_captured(mode.value)) {
        let message =
            format!("with {} calls can reach the program without passing this listener", quote(mode.value));
        report.add(&mode.path, message, "remove `captureMode`.");
    }
    if let Some(bind) = listener.bind().filter(|bind| !is_allowed_bind(bind.value)) {
        let message =
            format!("at {} this listener can be called without the traffic redirection", quote(bind.value));
        report.add(&bind.path, message, "remove `bind`, or write `127.0.0.1`.");
    }
    let endpoint = listener.default_endpoint();
    if let Some(endpoint) = endpoint.filter(|endpoint| !is_allowed_endpoint(endpoint.value)) {
        let message = format!("{} is not a port of the pod's own programs", quote(endpoint.value));
        let fix = "write `127.0.0.1:PORT` or `0.0.0.0:PORT`. The ports 15000 to 15099 belong to the proxy.";
        report.add(&endpoint.path, message, fix);
    }
    if let Some(tls) = listener.tls() {
        report.add(&tls.path, "a listener's own `tls` replaces the mesh's mutual TLS", "remove `tls`.");
    }
}

fn is_allowed_bind(bind: &str) -> bool {
    bind.is_empty() || bind.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Reads an unspecified address as the pod's own.
fn is_allowed_endpoint(endpoint: &str) -> bool {
    let is_own = |address: SocketAddr| {
        (address.ip().is_loopback() || address.ip().is_unspecified())
            && !PROXY_PORTS.contains(&address.port())
    };
    endpoint.is_empty() || endpoint.parse().is_ok_and(is_own)
}
