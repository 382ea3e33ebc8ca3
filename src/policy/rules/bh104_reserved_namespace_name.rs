//! # BH104 `reserved-namespace-name`
//!
//! ## What it refuses
//! Refuses namespace names that belong to the platform or a tenant.
//!
//! The settings reserve names (`platform.namespaces`, `platform.sharedNamespaces`) and prefixes
//! (`platform.namespacePrefixes`) for the platform. The namespaces of gateways, of the egress gateway, of DNS, of the mesh's
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
//! tenant, ask one of its owners to create the namespace, or the platform to list you in `Tenant.spec.owners`. For a
//! tool that deploys or restores, ask the platform to list its account: in `Tenant.spec.owners` if it acts for one
//! tenant, and otherwise in `platform.users`. The rule only warns for break-glass accounts
//! (`platform.breakGlassGroups`).
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
//! ```yaml as carol in acme-developers, beta-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: monitoring # BH104
//! ```
//! ```yaml as system:serviceaccount:backup:velero
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: monitoring # BH104
//! ```
//! ```yaml as system:serviceaccount:backup:velero
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-old # BH104
//!   labels:
//!     bulkhead.dev/tenant: acme # BH102
//!     tenant: acme # BH102
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
//! ```yaml as mallory in strangers, in snapshot openshift
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: openshift-dns # BH104
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

use super::{Check, NamespaceView, Operation, Request, Retry, Rule, RuleReport, Trust, quote, quote_all};
use crate::keys::TENANT_LABEL;
use crate::policy::object::Object;
use crate::snapshot::{Actor, NAMESPACE_PREFIX, Tenant};

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
    let own = metadata.label_value(TENANT_LABEL).filter(|tenant| actor.acts_for(tenant));
    let own = own.and_then(|own| snapshot.tenant(own)).or_else(|| actor.tenant_for(name));
    let path = Object::name_path();
    let is_foreign =
        || snapshot.tenant_by_namespace_name(name).is_some_and(|other| !actor.acts_for(&other.name));
    let is_own = own.is_some_and(|own| own.matches_namespace_name(name));
    if snapshot.settings.reserves_namespace_name(name) || (!is_own && snapshot.trusts_namespace(name)) {
        let message =
            format!("{} is reserved for the platform, whose namespaces are trusted by name", quote(name));
        let fix = match (own, actor) {
            (Some(own), _) => named_after(own),
            (None, Actor::Member(tenants)) => {
                let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
                format!(
                    "name it `{NAMESPACE_PREFIX}NAME` or `{NAMESPACE_PREFIX}NAME-…` after a tenant that you own: {}.",
                    quote_all(&names)
                )
            }
            _ if request.is_by_unlisted_account() => {
                "ask the platform to list this account in `platform.users` of the \
                 settings, if it acts for the platform, or choose another name."
                    .to_owned()
            }
            _ => "choose another name, or ask the platform to create the namespace.".to_owned(),
        };
        report.add(&path, message, fix);
    } else if let Some(own) = own.filter(|own| !own.matches_namespace_name(name)) {
        let message = format!("{} is not a name for a namespace of tenant {}", quote(name), own.name);
        report.add(&path, message, named_after(own));
    } else if is_foreign() || (own.is_none() && name.starts_with(NAMESPACE_PREFIX)) {
        // The same words whether the tenant exists or not: a stranger must not learn it.
        let message = format!(
            "names that begin with `{NAMESPACE_PREFIX}` are reserved for tenants, and you own none with this name"
        );
        let fix = if request.is_by_unlisted_account() {
            "ask the platform to list this account in `spec.owners` of the Tenant, if it acts for this tenant alone, or \
             in `platform.users` of the settings."
        } else {
            "choose another name, or let an owner of the tenant create the namespace. The platform can create the \
             Tenant first, or list you in its `spec.owners`."
        };
        report.add(&path, message, fix);
    }
}

fn named_after(own: &Tenant) -> String {
    format!("name it `{NAMESPACE_PREFIX}{0}` or `{NAMESPACE_PREFIX}{0}-…`.", own.name)
}
