//! # BH104 `reserved-namespace-name`
//!
//! ## What it refuses
//! Refuses namespace names that belong to the platform or a tenant.
//!
//! The settings reserve names (`platform.namespaces`, `platform.sharedNamespaces`) and prefixes
//! (`platform.namespacePrefixes`) for the platform. The namespaces of gateways, of the egress gateway, of the mesh's
//! root, of Bulkhead's controller and its dry runs, of SharedServices and their `egress`, of granted callers
//! (`grants.callers`), and of service accounts that own a Tenant or act for the platform (`platform.users`,
//! `platform.groups`) are reserved too. Every
//! name that begins with `tenant-` is reserved for tenants, those that do not exist yet included: `tenant-NAME` and
//! `tenant-NAME-…` belong to the tenant NAME, and new namespaces of that tenant must be named so. Platform accounts may
//! create a namespace under any name.
//!
//! ## Why
//! The platform's namespaces are trusted by name: the rules for tenants do not apply in them, and policies across the
//! cluster allow their traffic. A user who creates such a namespace first, or again after its deletion, would inherit
//! that trust. The same holds for a name that a tenant gets only later: mesh certificates from before remain valid. A
//! workload's identity in the mesh contains nothing of the namespace but its name.
//!
//! ## What to write instead
//! Name the namespace `tenant-NAME` or `tenant-NAME-…` after your own tenant.
//!
//! ## How to get it allowed
//! Ask the platform to create the namespace, or to change the reserved names in the settings. If the name belongs to a
//! tenant, ask one of its owners to create the namespace, or the platform to list your account (a GitOps tool's, for
//! example) in `Tenant.spec.owners`. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: istio-system # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-beta-annex # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: com # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex # BH104
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: kube-flannel # BH104
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-gamma # BH104
//! ```
//! ```yaml as mallory in strangers, in snapshot gateways
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: egress # BH104
//! ```
//! ```yaml as mallory in strangers, in snapshot gateways
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: edge # BH104
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: argocd # BH104
//! ```
//! ```yaml as mallory in strangers, in snapshot platform-accounts
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: gitops # BH104
//! ```
//! ```yaml as mallory in strangers, in snapshot platform-accounts
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: platform-jobs # BH104
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: bulkhead-probe # BH104
//! ```
//!
//! ## Admitted
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: tenants }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: istio-system }
//! ```

use super::{Check, NamespaceView, Operation, Request, Retry, Rule, RuleReport, Trust, quote};
use crate::keys::TENANT_LABEL;
use crate::policy::object::Object;
use crate::snapshot::{NAMESPACE_PREFIX, Tenant};

pub(super) const RULE: Rule = Rule::new(Check::Namespace(check))
    .on(&[Operation::Create])
    .trusts(&[Trust::Platform])
    .retries(Retry::Refresh);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    _: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    let metadata = &new.metadata;
    let actor = request.actor();
    let snapshot = request.snapshot;
    let name = metadata.name_or_generate_name();
    let has_prefix = |prefix: &String| name.starts_with(prefix.as_str());
    let own = metadata.label_value(TENANT_LABEL).filter(|tenant| actor.acts_for(tenant));
    let own = own.and_then(|own| snapshot.tenant(own)).or_else(|| actor.tenant_for(name));
    let path = Object::name_path();
    let named_after =
        |own: &Tenant| format!("name it `{NAMESPACE_PREFIX}{0}` or `{NAMESPACE_PREFIX}{0}-…`.", own.name);
    let is_foreign =
        || snapshot.tenant_by_namespace_name(name).is_some_and(|other| !actor.acts_for(&other.name));
    let is_own = own.is_some_and(|own| own.matches_namespace_name(name));
    if snapshot.settings.trusts_namespace(name)
        || snapshot.settings.reserved_prefixes.iter().any(has_prefix)
        || (!is_own && snapshot.trusts_namespace(name))
    {
        let message =
            format!("{} is reserved for the platform, whose namespaces are trusted by name", quote(name));
        let fix = own.map_or_else(
            || "choose another name, or ask the platform to create the namespace.".to_owned(),
            named_after,
        );
        report.add(&path, message, fix);
    } else if let Some(own) = own.filter(|own| !own.matches_namespace_name(name)) {
        let message = format!("{} is not a name for a namespace of tenant {}", quote(name), own.name);
        report.add(&path, message, named_after(own));
    } else if is_foreign() || (own.is_none() && name.starts_with(NAMESPACE_PREFIX)) {
        // The same words whether the tenant exists or not: a stranger must not learn it.
        let message = format!(
            "names that begin with `{NAMESPACE_PREFIX}` are reserved for tenants, and you own none with this name"
        );
        let fix = "choose another name, or let an owner of the tenant create the namespace. The platform can create \
                   the Tenant first, or list you in its `spec.owners`.";
        report.add(&path, message, fix);
    }
}
