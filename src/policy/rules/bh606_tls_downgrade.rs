//! # BH606 `tls-downgrade`
//!
//! ## What it refuses
//! Refuses to export TLS settings that keep callers out of mTLS.
//!
//! The rule judges `tls` of DestinationRules for the tenant's own hosts, at every level: of the host, of its ports, of its
//! subsets, and of their ports. The `mode` must be `ISTIO_MUTUAL`, without `sni` and `insecureSkipVerify`. A `tls` without
//! `mode` turns TLS off. It does not judge a DestinationRule whose `exportTo` lists only namespaces of the tenant.
//!
//! ## Why
//! Gateways, shared services and other callers obey the rule of the Service's namespace. It can make them send requests in
//! plaintext, accept any certificate, or show another certificate of their own: files and Secrets are looked up beside the
//! caller's proxy. A gateway between networks leads a connection to the Service that the `sni` names.
//!
//! ## What to write instead
//! Leave `tls` out, because the mesh uses mTLS by itself. If your own pods need another mode, for a host outside the
//! cluster behind your Service, write `exportTo: ["."]`.
//!
//! ## How to get it allowed
//! Never for other callers. The rule only warns for tenants with `enforcement: Observe`, for objects that already violated
//! it while the fields that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   host: web
//!   trafficPolicy:
//!     tls:
//!       mode: DISABLE # BH606
//!     portLevelSettings:
//!       - port: { number: 80 }
//!         tls: # BH606
//!           mode:
//!       - port: { number: 443 }
//!         tls:
//!           mode: SIMPLE # BH606
//!           insecureSkipVerify: true # BH606
//!   subsets:
//!     - name: v1
//!       labels: { version: v1 }
//!       trafficPolicy:
//!         tls:
//!           mode: MUTUAL # BH606
//!           clientCertificate: /etc/istio/ingressgateway-certs/tls.crt
//!           privateKey: /etc/istio/ingressgateway-certs/tls.key
//!         portLevelSettings:
//!           - port: { number: 80 }
//!             tls:
//!               mode: ISTIO_MUTUAL
//!               sni: outbound_.80_._.web.tenant-beta.svc.cluster.local # BH606
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: all, namespace: tenant-acme }
//! spec:
//!   host: "*.tenant-acme-new.svc.cluster.local"
//!   exportTo: [".", istio-ingress]
//!   trafficPolicy:
//!     tls: # BH606
//!       subjectAltNames: []
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   host: web
//!   trafficPolicy: { tls: { mode: ISTIO_MUTUAL }, loadBalancer: { simple: RANDOM } }
//!   subsets: [{ name: v1, labels: { version: v1 } }]
//! ```
//! The tenant's own pods alone obey these:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: database, namespace: tenant-acme }
//! spec:
//!   host: database
//!   exportTo: [".", tenant-acme-new]
//!   trafficPolicy: { tls: { mode: SIMPLE, sni: db.example.com } }
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: api, namespace: tenant-shop }
//! spec:
//!   host: api.example.net
//!   trafficPolicy:
//!     portLevelSettings: [{ port: { number: 80 }, tls: { mode: SIMPLE } }]
//! ```
//!
//! ## Limits
//! The rule does not judge the settings for hosts that the tenant only calls, and for callers in its own namespaces: their
//! own calls would be without TLS, and the pods of other tenants and of shared services refuse these.

use super::{Check, Request, Retry, Rule, RuleReport, quote};
use crate::policy::claims::{Claim, ClaimKind, Owner, resolve};
use crate::policy::object::DestinationRule;

pub(super) const RULE: Rule = Rule::new(Check::DestinationRule(check));

fn check(request: &Request<'_>, rule: &DestinationRule<'_>, report: &mut RuleReport) {
    const FIX: &str =
        "remove `tls`, or write `exportTo: [\".\"]` if only pods of this namespace call the host.";
    let is_own = |owner: Owner| owner == Owner::Own;
    let mut exports = rule.exports();
    let is_private = exports.len() > 0 && exports.all(|name| is_own(resolve(request, &Claim::Export(name))));
    let serves = || request.claimed(ClaimKind::ServedHost).any(|host| is_own(resolve(request, &host)));
    if is_private || !serves() {
        return;
    }
    for tls in rule.client_tls() {
        match tls.mode() {
            Some(mode) if mode.value == "ISTIO_MUTUAL" => {}
            Some(mode) => {
                let message = format!(
                    "callers in other namespaces obey {}, and are kept out of mTLS",
                    quote(mode.value)
                );
                report.add(&mode.path, message, FIX);
            }
            None => report.add(&tls.path, "without `mode` callers in other namespaces use no TLS", FIX),
        }
        if let Some(sni) = tls.sni() {
            let message =
                format!("{} can lead callers in other namespaces to another Service", quote(sni.value));
            report.add(&sni.path, message, FIX);
        }
        if let Some(skip) = tls.insecure_skip_verify().filter(|skip| skip.value) {
            report.add(&skip.path, "callers in other namespaces would accept any certificate", FIX);
        }
    }
    report.may_change(Retry::Refresh);
}
