use std::collections::HashMap;

use super::{Tenant, User};
use crate::api::{Subject, SubjectKind};

/// Index from users and groups to the tenants that they own. With it a decision takes as long with four thousand
/// tenants as with ten.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    users: HashMap<String, Vec<String>>,
    groups: HashMap<String, Vec<String>>,
}

impl Members {
    pub(super) fn from_tenants<'t>(tenants: impl Iterator<Item = &'t Tenant>) -> Self {
        let mut members = Self::default();
        for tenant in tenants {
            for owner in &tenant.owners {
                let (names, name) = match owner.kind {
                    SubjectKind::Group => (&mut members.groups, owner.name.clone()),
                    SubjectKind::User => (&mut members.users, owner.name.clone()),
                    SubjectKind::ServiceAccount => (&mut members.users, account(owner)),
                };
                names.entry(name).or_default().push(tenant.name.clone());
            }
        }
        members
    }

    /// Returns the names of the tenants that list the user as an owner; a name can occur twice.
    pub(super) fn tenants_of<'m>(&'m self, user: &User<'_>) -> impl Iterator<Item = &'m str> {
        let groups = user.groups.iter().filter_map(|group| self.groups.get(*group));
        self.users.get(user.name).into_iter().chain(groups).flatten().map(String::as_str)
    }
}

/// Returns the username that the API server gives to a service account.
fn account(owner: &Subject) -> String {
    format!("system:serviceaccount:{}:{}", owner.namespace.as_deref().unwrap_or_default(), owner.name)
}
