//! # BH402 `shared-identity-name`
//!
//! ## What it refuses
//! Refuses service accounts named like a shared service's account.
//!
//! The rule judges new service accounts in the namespaces of tenants.
//!
//! ## Why
//! A policy that names an account without its namespace (`*/sa/log-collector`), a dashboard, and a person who reads a
//! log cannot tell the two accounts apart.
//!
//! ## What to write instead
//! Choose another name for the service account.
//!
//! ## How to get it allowed
//! Never, unless the platform gives the shared service another account (`SharedService.spec.serviceAccount`). The rule
//! only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata:
//!   name: log-collector # BH402
//!   namespace: tenant-acme
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata: { name: web, namespace: tenant-acme }
//! ```

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, quote};
use crate::policy::object::{MetadataAt, Object};

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(check)).kinds(&[Kinds::Only(&[Kind::ServiceAccount])]).on(&[Operation::Create]);

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    let name = metadata.metadata.name.as_deref().unwrap_or_default();
    let mut services = request.snapshot.shared_services();
    if let Some(service) = services.find(|service| service.service_account == name) {
        let message = format!(
            "{} is the account of the shared service {}, and policies may match accounts by name alone",
            quote(name),
            service.name
        );
        report.add(&Object::name_path(), message, "choose another name.");
    }
}
