//! # BH613 `open-entry`
//!
//! ## What it refuses
//! Refuses ServiceEntries that pass calls to every address.
//!
//! With `resolution: NONE`, which is also the default, a proxy sends calls to the address that the program chose. Such an
//! entry must list `addresses`, which BH607 judges. The rule applies where the setting `mesh.outbound` is
//! `REGISTRY_ONLY`.
//!
//! ## Why
//! For a TCP port, such an entry opens this port of every address to the tenant's proxies. For HTTP and TLS, the program
//! chooses the name that is compared with the hosts.
//!
//! ## What to write instead
//! Write `resolution: DNS`, or list granted `addresses`. For your own pods, write `resolution: STATIC` and a
//! `workloadSelector`.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.reach` (`hosts` or `cidrs`): the baseline then has an entry for each host and
//! each range. With the setting `mesh.outbound: ALLOW_ANY`, the rule does not apply. The rule only warns for tenants with
//! `enforcement: Observe`, for objects that already violated it while the fields that it reads stay unchanged, and for
//! break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: all, namespace: tenant-acme }
//! spec:
//!   hosts: [all.tenant-acme.svc.cluster.local]
//!   exportTo: ["."]
//!   ports: [{ number: 5432, name: tcp, protocol: TCP }]
//!   resolution: NONE # BH613
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: all, namespace: tenant-acme }
//! spec: # BH613
//!   hosts: [all.tenant-acme.svc.cluster.local]
//!   exportTo: ["."]
//!   addresses: []
//!   ports: [{ number: 80, name: http, protocol: HTTP }]
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: db, namespace: tenant-shop }
//! spec:
//!   hosts: [db.shop.example.com]
//!   exportTo: ["."]
//!   addresses: [203.0.113.0/25]
//!   ports: [{ number: 5432, name: tcp, protocol: TCP }]
//!   resolution: NONE
//! ```

use super::{Check, Request, Rule, RuleReport};
use crate::policy::object::{Object, ServiceEntry};
use crate::settings::Outbound;

pub(super) const RULE: Rule = Rule::new(Check::ServiceEntry(check));

fn check(request: &Request<'_>, entry: &ServiceEntry<'_>, report: &mut RuleReport) {
    if request.snapshot.settings.outbound != Outbound::RegistryOnly || entry.has_addresses() {
        return;
    }
    let (path, finding) = match entry.resolution() {
        None => (Object::spec_path(), "without `resolution`"),
        Some(resolution) if resolution.value == "NONE" => (resolution.path, "with this value"),
        Some(_) => return,
    };
    let message = format!("{finding} the proxies pass calls on these ports to every address");
    report.add(&path, message, "write `resolution: DNS`, or list `addresses` for which the platform grants `cidrs` in `Tenant.spec.grants.reach`.");
}
