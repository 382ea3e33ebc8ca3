//! Roles that decisions about ownership give the users of requests.

use std::collections::BTreeSet;

use super::{NamespaceOwner, Snapshot, Tenant, User};
use crate::kinds::Kind;

const NODES_GROUP: &str = "system:nodes";

/// Account of the controller that deletes the contents of terminating namespaces.
pub const NAMESPACE_CONTROLLER: &str = "system:serviceaccount:kube-system:namespace-controller";
/// Account that all controllers share where kube-controller-manager runs without
/// `--use-service-account-credentials`.
pub const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
/// Account of the controller that counts usage for ResourceQuotas.
pub const QUOTA_CONTROLLER: &str = "system:serviceaccount:kube-system:resourcequota-controller";
/// Account of the controller that binds claims to volumes.
pub const VOLUME_BINDER: &str = "system:serviceaccount:kube-system:persistent-volume-binder";

/// Accounts of [`kube_controller_accounts`], each with the kind whose dependents its controller creates.
const KUBE_CONTROLLERS: &[(&str, Option<Kind>)] = &[
    ("system:kube-scheduler", None),
    ("system:serviceaccount:kube-system:cronjob-controller", Some(Kind::CronJob)),
    ("system:serviceaccount:kube-system:daemon-set-controller", Some(Kind::DaemonSet)),
    ("system:serviceaccount:kube-system:deployment-controller", Some(Kind::Deployment)),
    ("system:serviceaccount:kube-system:disruption-controller", None),
    ("system:serviceaccount:kube-system:ephemeral-volume-controller", None),
    ("system:serviceaccount:kube-system:generic-garbage-collector", None),
    ("system:serviceaccount:kube-system:job-controller", Some(Kind::Job)),
    ("system:serviceaccount:kube-system:legacy-service-account-token-cleaner", None),
    ("system:serviceaccount:kube-system:node-controller", None),
    (VOLUME_BINDER, None),
    ("system:serviceaccount:kube-system:pod-garbage-collector", None),
    ("system:serviceaccount:kube-system:replicaset-controller", Some(Kind::ReplicaSet)),
    ("system:serviceaccount:kube-system:replication-controller", Some(Kind::ReplicationController)),
    (QUOTA_CONTROLLER, None),
    ("system:serviceaccount:kube-system:service-account-controller", None),
    ("system:serviceaccount:kube-system:statefulset-controller", Some(Kind::StatefulSet)),
];

/// Returns the accounts of Kubernetes' scheduler and controllers. They act on objects that others wrote: they
/// create and schedule pods, and what pods need.
pub fn kube_controller_accounts() -> impl Iterator<Item = &'static str> {
    KUBE_CONTROLLERS.iter().map(|(account, _)| *account)
}

/// Returns the account of the controller that creates the dependents of objects of this kind.
pub fn controller_account_for(kind: &str) -> Option<&'static str> {
    KUBE_CONTROLLERS
        .iter()
        .find(|(_, owned_kind)| owned_kind.is_some_and(|owned_kind| owned_kind.name() == kind))
        .map(|(account, _)| *account)
}

/// A user's role in decisions about ownership, derived from [`User`] alone.
#[derive(Clone, Debug)]
pub enum Actor<'w> {
    /// Bulkhead's own controller.
    Bulkhead,
    /// The controller that deletes the contents of terminating namespaces.
    NamespaceController,
    /// One of [`kube_controller_accounts`].
    KubeController,
    /// Any controller of kube-controller-manager, where all share one account.
    KubeControllerManager,
    /// A kubelet.
    Node,
    /// A platform user or group of the settings.
    Platform,
    /// Acts for these tenants, sorted by name; never empty. A service account also acts for the tenant that owns
    /// its namespace.
    Member(Vec<&'w Tenant>),
    Other,
}

impl Snapshot {
    pub fn actor(&self, user: &User<'_>) -> Actor<'_> {
        let settings = &self.settings;
        if user.name == settings.controller {
            return Actor::Bulkhead;
        }
        if user.name.starts_with("system:node:") && user.groups.contains(&NODES_GROUP) {
            return Actor::Node;
        }
        match user.name {
            NAMESPACE_CONTROLLER => return Actor::NamespaceController,
            CONTROLLER_MANAGER => return Actor::KubeControllerManager,
            name if kube_controller_accounts().any(|account| account == name) => {
                return Actor::KubeController;
            }
            _ => {}
        }
        if settings.platform_users.contains(user.name)
            || user.groups.iter().any(|group| settings.platform_groups.contains(*group))
        {
            return Actor::Platform;
        }
        let home_tenant =
            user.service_account_namespace().and_then(|namespace| match self.owner(namespace) {
                Some(NamespaceOwner::Tenant(tenant)) => Some(tenant.name.as_str()),
                _ => None,
            });
        let names: BTreeSet<&str> = home_tenant.into_iter().chain(self.members.tenants_of(user)).collect();
        let tenants: Vec<&Tenant> = names.into_iter().filter_map(|name| self.tenant(name)).collect();
        if tenants.is_empty() { Actor::Other } else { Actor::Member(tenants) }
    }

    /// True if the user is in a break-glass group: every violation of theirs is admitted.
    pub fn is_break_glass(&self, user: &User<'_>) -> bool {
        user.groups.iter().any(|group| self.settings.break_glass_groups.contains(*group))
    }
}

impl<'w> Actor<'w> {
    /// Returns the tenant for which a member creates `namespace`: the only tenant that they act for, or else the
    /// only one whose name the namespace has.
    pub fn tenant_for(&self, namespace: &str) -> Option<&'w Tenant> {
        let Actor::Member(tenants) = self else { return None };
        match tenants.as_slice() {
            [only] => Some(only),
            several => {
                let mut named = several.iter().filter(|tenant| tenant.matches_namespace_name(namespace));
                named.next().filter(|_| named.next().is_none()).copied()
            }
        }
    }

    /// True if the user may know about `tenant`: that it exists, its namespaces, its grants. Strangers may not. The empty
    /// name stands for everything that belongs to no tenant.
    pub fn may_know(&self, tenant: &str) -> bool {
        match self {
            Self::Member(_) => self.acts_for(tenant),
            Self::Other => false,
            Self::Bulkhead
            | Self::NamespaceController
            | Self::KubeController
            | Self::KubeControllerManager
            | Self::Node
            | Self::Platform => true,
        }
    }

    pub fn acts_for(&self, tenant: &str) -> bool {
        matches!(self, Actor::Member(tenants) if tenants.iter().any(|own| own.name == tenant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{KUBE_SYSTEM, Settings};

    #[test]
    fn credentials_of_every_trusted_controller_are_protected() {
        let prefix = format!("system:serviceaccount:{KUBE_SYSTEM}:");
        let accounts = kube_controller_accounts().chain([NAMESPACE_CONTROLLER]);
        let mut names = accounts.filter_map(|account| account.strip_prefix(&prefix));
        assert!(names.all(|name| Settings::default().trusts_account(KUBE_SYSTEM, name)));
    }
}
