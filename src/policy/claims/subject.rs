//! Subjects of RoleBindings.

use super::{Claim, Owner};
use crate::api::{self, SERVICE_ACCOUNTS_GROUP, SubjectKind, service_account};
use crate::policy::Request;
use crate::policy::object::{BoundSubject, Located, RoleBinding};
use crate::snapshot::NamespaceOwner;

/// Groups in which every user of the cluster is, or every service account.
const EVERY_USER: &[&str] = &["system:authenticated", "system:serviceaccounts", "system:unauthenticated"];
/// The user of a request without credentials.
const ANONYMOUS: &str = "system:anonymous";

/// Returns the claims that a RoleBinding makes.
pub(super) fn claims<'o>(binding: &'o RoleBinding<'o>) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    binding
        .subjects()
        .elements()
        .map(|Located { value, path }| Located { value: Claim::Subject(value), path })
}

/// Resolves a subject. A person is known only as an owner of the Tenant: groups do not show their members.
pub(super) fn resolve(request: &Request<'_>, subject: &BoundSubject<'_>) -> Owner {
    let settings = &request.snapshot.settings;
    let name = &*subject.name;
    match &*subject.kind {
        "ServiceAccount" => account(request, subject.namespace.as_deref().unwrap_or_default(), name),
        "User" => match service_account(name) {
            Some((namespace, name)) => account(request, namespace, name),
            None if name == ANONYMOUS => Owner::Anyone,
            None if is_owner(request, SubjectKind::User, name) => Owner::Own,
            None if settings.platform_users.contains(name) => Owner::Platform,
            None => Owner::Foreign,
        },
        "Group" if EVERY_USER.contains(&name) => Owner::Anyone,
        "Group" if is_owner(request, SubjectKind::Group, name) => Owner::Own,
        "Group" if settings.platform_groups.contains(name) => Owner::Platform,
        "Group" => match name.strip_prefix(SERVICE_ACCOUNTS_GROUP) {
            Some(namespace) if request.owns(namespace) => Owner::Own,
            _ => Owner::Foreign,
        },
        _ => Owner::Malformed,
    }
}

/// Resolves a service account. The platform's accounts may be given rights in a tenant's namespace.
fn account(request: &Request<'_>, namespace: &str, name: &str) -> Owner {
    let snapshot = request.snapshot;
    let is_owner = |owner: &api::Subject| {
        owner.kind == SubjectKind::ServiceAccount
            && owner.namespace.as_deref() == Some(namespace)
            && owner.name == name
    };
    if request.owns(namespace) || owners(request).any(is_owner) {
        return Owner::Own;
    }
    let is_platforms =
        matches!(snapshot.owner(namespace), Some(NamespaceOwner::Platform | NamespaceOwner::SharedService));
    if is_platforms || snapshot.trusts_account(namespace, name) { Owner::Platform } else { Owner::Foreign }
}

fn is_owner(request: &Request<'_>, kind: SubjectKind, name: &str) -> bool {
    owners(request).any(|owner| owner.kind == kind && owner.name == name)
}

/// Returns the owners of the Tenant.
fn owners<'r>(request: &Request<'r>) -> impl Iterator<Item = &'r api::Subject> {
    request.tenant_object().into_iter().flat_map(|tenant| &tenant.owners)
}
