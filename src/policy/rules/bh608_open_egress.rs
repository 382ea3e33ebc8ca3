//! # BH608 `open-egress`
//!
//! ## What it refuses
//! Refuses Sidecars that open egress beyond the baseline's hosts.
//!
//! Admitted are hosts of the tenant's own namespaces (`./*`, `tenant-acme/*`) and of the mesh's root namespace, and the
//! hosts that the baseline names in full: the API server, DNS, and the shared services that the tenant reaches. A
//! missing field is open: without `egress` the proxies know `*/*`, and without `outboundTrafficPolicy` the mesh's
//! default applies. Calls to unknown hosts are judged only where the setting `mesh.outbound` is `REGISTRY_ONLY`. An
//! `egressProxy` is always refused.
//!
//! ## Why
//! A Sidecar with a selector replaces the baseline's for its pods. A proxy that knows every host follows what any
//! namespace of the mesh exports, such as another tenant's route for a host that your pods call.
//!
//! ## What to write instead
//! Write `egress: [{hosts: ["./*"]}]`, with the hosts that your pods call, and
//! `outboundTrafficPolicy: {mode: REGISTRY_ONLY}`. Name a shared service in full:
//! `NAMESPACE/SERVICE.NAMESPACE.svc.cluster.local`.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.reach`: `sharedServices` for shared services, `hosts` or `cidrs` for
//! destinations outside the cluster, which `./*` then covers. With the setting `mesh.outbound: ALLOW_ANY` the mode is
//! not judged. The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while
//! the fields that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
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
//! Where the mesh passes calls to unknown hosts itself, a Sidecar may do so too.
//! ```yaml as alice in acme-developers, in snapshot allow-any-outbound
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   workloadSelector: { labels: { app: web } }
//!   outboundTrafficPolicy: { mode: ALLOW_ANY }
//!   egress: [{ hosts: ["./*"] }]
//! ```

use super::{Check, Request, Rule, RuleReport, quote};
use crate::policy::claims::{ClaimKind, Owner};
use crate::policy::object::{Object, Sidecar};
use crate::settings::Outbound;

pub(super) const RULE: Rule = Rule::new(Check::Sidecar(check))
    .refuses(ClaimKind::KnownHost, &[Owner::Anyone, Owner::Foreign, Owner::Malformed]);

const REGISTRY_ONLY: &str = Outbound::RegistryOnly.name();

fn check(request: &Request<'_>, sidecar: &Sidecar<'_>, report: &mut RuleReport) {
    check_outbound_policy(request, sidecar, report);
    if sidecar.egress().value.is_empty() {
        let message = "without `egress` the proxies of these pods know every host of the mesh";
        report.add(
            &Object::spec_path(),
            message,
            "write `egress: [{hosts: [\"./*\"]}]`, or list the hosts that the pods call.",
        );
    }
}

fn check_outbound_policy(request: &Request<'_>, sidecar: &Sidecar<'_>, report: &mut RuleReport) {
    let fix = format!(
        "write `{REGISTRY_ONLY}`, and ask the platform to grant the hosts in `Tenant.spec.grants.reach`."
    );
    let is_registry_only = request.snapshot.settings.outbound == Outbound::RegistryOnly;
    match sidecar.outbound_traffic_policy() {
        None if is_registry_only => {
            let message = "without `outboundTrafficPolicy` the proxies may pass calls to unknown hosts";
            report.add(
                &Object::spec_path(),
                message,
                "write `outboundTrafficPolicy: {mode: REGISTRY_ONLY}`.",
            );
        }
        None => {}
        Some(outbound) => {
            let open = outbound.mode().filter(|mode| is_registry_only && mode.value != REGISTRY_ONLY);
            if let Some(mode) = open {
                let message = format!("with {} the proxies pass calls to unknown hosts", quote(mode.value));
                report.add(&mode.path, message, fix);
            }
            if let Some(proxy) = outbound.egress_proxy() {
                let message = "`egressProxy` sends calls to unknown hosts to another proxy";
                report.add(&proxy.path, message, "remove `egressProxy`.");
            }
        }
    }
}
