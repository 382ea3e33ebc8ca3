//! Roles that decisions about ownership give the users of requests.

use std::collections::BTreeSet;

use super::{NamespaceOwner, Snapshot, Tenant, User};
use crate::settings::{CONTROLLER_MANAGER, NAMESPACE_CONTROLLER, kube_controller_accounts};

const NODES_GROUP: &str = "system:nodes";

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
