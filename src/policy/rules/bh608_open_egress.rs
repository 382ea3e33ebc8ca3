//! # BH608 `open-egress`
//!
//! ## What it does
//! Refuses a Sidecar by which the proxies of some pods know more hosts than the baseline's, or let calls to unknown
//! ones pass where the platform's settings refuse them.
//!
//! Hosts may be of the tenant's own namespaces (`./*`, `tenant-acme/*`), of the mesh's root namespace, and those that
//! the baseline names: the API server, DNS, and the reached shared services, in full. What is left out is open: no
//! `egress` is `*/*`, and no `outboundTrafficPolicy` is the mesh's.
//!
//! ## Why it matters
//! A Sidecar with a selector takes the place of the baseline's for its pods. A proxy that knows everything obeys what
//! any namespace of the mesh exports: another tenant's route for a host that yours calls.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   workloadSelector: { labels: { app: web } }
//!   outboundTrafficPolicy:
//!     mode: ALLOW_ANY # BH608
//!     egressProxy: # BH608
//!       host: out.tenant-beta.svc.cluster.local
//!   egress:
//!     - hosts:
//!         - ./*
//!         - "*/*" # BH608
//!         - "*/api.example.com" # BH608
//!         - tenant-beta/* # BH608
//!         - shared-services/* # BH608
//!         - reviews # BH608
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: web, namespace: tenant-acme }
//! spec: # BH608 BH608
//!   workloadSelector: { labels: { app: web } }
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
//!   egress:
//!     - hosts:
//!         - ./*
//!         - tenant-acme/db.tenant-acme.svc.cluster.local
//!         - tenant-acme-new/*
//!         - istio-system/*
//!         - shared-services/log-collector.shared-services.svc.cluster.local
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: quiet, namespace: tenant-acme }
//! spec:
//!   workloadSelector: { labels: { app: quiet } }
//!   outboundTrafficPolicy: {}
//!   egress: [{ hosts: ["~/*"] }]
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::kind::Kind;
use crate::policy::object::{Sidecar, Spec};
use crate::policy::path::Path;
use crate::policy::quote;
use crate::settings::Outbound;

pub(super) static RULE: Rule = Rule {
    code: "BH608",
    name: "open-egress",
    kinds: &[&[Kind::Policy(baseline::Kind::Sidecar)]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    // The namespace, or the grant, may be a moment old.
    retry: Retry::Look,
    source: include_str!("bh608_open_egress.rs"),
    check,
};

const REGISTRY_ONLY: &str = Outbound::RegistryOnly.name();

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some(Spec::Sidecar(sidecar)) = scope.spec_beside_the_baseline() else { return };
    let tenant = scope.tenant_name();
    unknown_destinations(scope, sidecar, findings);
    if sidecar.egress.is_empty() {
        let message = "without `egress` these pods' proxies know every host of the mesh";
        findings.report(
            &Path::of(&["spec"]),
            message,
            "write `egress: [{hosts: [\"./*\"]}]`, or what you call",
        );
    }
    for (index, listener) in sidecar.egress.iter().enumerate() {
        for (place, host) in listener.hosts.iter().enumerate() {
            if !is_known(scope, host) {
                findings.report(
                    &Path::of(&["spec", "egress"]).index(index).fields(&["hosts"]).index(place),
                    format!("{} is neither of tenant {tenant} nor granted to it", quote(host)),
                    "write `./…` or the name of a namespace of yours before it; a shared service is granted by the \
                     Tenant's `reach.sharedServices`, and named in full",
                );
            }
        }
    }
}

fn unknown_destinations(scope: &Scope<'_>, sidecar: &Sidecar<'_>, findings: &mut Findings) {
    let path = Path::of(&["spec", "outboundTrafficPolicy"]);
    let fix = format!("write `{REGISTRY_ONLY}`, and ask the platform for the Tenant's `reach`");
    let is_closed = scope.world.settings.outbound == Outbound::RegistryOnly;
    match &sidecar.outbound_traffic_policy {
        None if is_closed => {
            let message = "without `outboundTrafficPolicy` calls to unknown hosts may pass";
            findings.report(
                &Path::of(&["spec"]),
                message,
                "write `outboundTrafficPolicy: {mode: REGISTRY_ONLY}`",
            );
        }
        None => {}
        Some(outbound) => {
            let mode = outbound.mode.as_deref().unwrap_or(REGISTRY_ONLY);
            if is_closed && mode != REGISTRY_ONLY {
                let message = format!("with {} calls to unknown hosts pass", quote(mode));
                findings.report(&path.clone().fields(&["mode"]), message, fix);
            }
            if outbound.egress_proxy.is_some() {
                let message = "this sends calls to unknown hosts elsewhere";
                findings.report(&path.fields(&["egressProxy"]), message, "remove it");
            }
        }
    }
}

/// Whether a proxy here may know the host, as a Sidecar writes it: with the namespace whose word on it counts.
fn is_known(scope: &Scope<'_>, host: &str) -> bool {
    let Some((namespace, name)) = host.split_once('/') else { return false };
    // With this it is left out.
    let is_excluded = namespace.starts_with('~');
    let is_own = namespace == "." || scope.owns(namespace) || namespace == scope.world.settings.mesh_root;
    let is_named = || {
        scope.tenant.and_then(|(_, tenant)| tenant).is_some_and(|tenant| {
            let mut named = baseline::known_hosts(scope.world, tenant);
            named.any(|(known, full)| known == namespace && full == name)
        })
    };
    is_excluded || is_own || is_named()
}
