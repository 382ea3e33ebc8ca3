//! Reservation of the names of deleted tenants and namespaces, and conflicts with reserved names.

use std::collections::BTreeMap;

use super::Snapshot;
use super::namespace_names::{is_name_or_dashed, is_named_for};
use super::reserved_names::{
    Reservation, ReservedName, ReservedNames, has_expired, namespace_key, tenant_key,
};

impl ReservedNames {
    /// Returns the names to keep at `now`: those in use by a tenant, and those whose certificates may still be valid.
    #[must_use]
    pub fn updated(&self, snapshot: &Snapshot, now: i64) -> Self {
        let in_use = snapshot.namespaces_by_tenant_label().flat_map(|(tenant, namespaces)| {
            let foreign = namespaces.iter().filter(|name| !is_named_for(name, tenant));
            let uid = |name| snapshot.namespace(name).map(|known| known.uid.clone());
            let name = |uid| Reservation { tenant: tenant.to_owned(), uid, released_at: None };
            let foreign = foreign.map(move |namespace| (namespace_key(namespace), name(uid(namespace))));
            foreign.chain([(tenant_key(tenant), name(None))])
        });
        let released = self.0.iter().filter_map(|(key, name)| {
            // A tenant without namespaces still exists.
            let exists = key.strip_prefix("tenant.").is_some_and(|name| snapshot.tenant(name).is_some());
            let released_at = if exists { None } else { Some(name.released_at.unwrap_or(now)) };
            (!has_expired(released_at, &snapshot.settings, now))
                .then(|| (key.clone(), Reservation { released_at, ..name.clone() }))
        });
        let mut names: BTreeMap<String, Reservation> = released.collect();
        names.extend(in_use);
        Self(names)
    }

    /// Returns a deleted tenant whose namespace names would conflict with those of `tenant`.
    pub fn conflict_for_tenant<'r>(
        &'r self,
        snapshot: &'r Snapshot,
        tenant: &str,
    ) -> Option<ReservedName<'r>> {
        let overlaps = |reserved: &ReservedName<'_>| {
            is_name_or_dashed(reserved.tenant, tenant) || is_name_or_dashed(tenant, reserved.tenant)
        };
        self.deleted_tenants(snapshot).find(overlaps)
    }

    /// Returns the tenant, other than `tenant`, that owned the namespace `name`, or a deleted tenant after which the
    /// namespace is named.
    pub fn conflict_for_namespace<'r>(
        &'r self,
        snapshot: &'r Snapshot,
        name: &str,
        tenant: &str,
    ) -> Option<ReservedName<'r>> {
        let own = self.0.get_key_value(&namespace_key(name));
        let own = own.map(|(key, known)| known.as_reserved_name(key));
        let of_deleted_tenant =
            self.deleted_tenants(snapshot).find(|reserved| is_named_for(name, reserved.tenant));
        own.into_iter().chain(of_deleted_tenant).find(|reserved| reserved.tenant != tenant)
    }

    /// Returns each tenant that had namespaces and does not exist in `snapshot`.
    fn deleted_tenants<'r>(&'r self, snapshot: &'r Snapshot) -> impl Iterator<Item = ReservedName<'r>> {
        let tenants = self.0.iter().filter_map(|(key, known)| {
            Some(ReservedName { tenant: key.strip_prefix("tenant.")?, ..known.as_reserved_name(key) })
        });
        tenants.filter(|reserved| {
            snapshot.tenant(reserved.tenant).is_none()
                && snapshot.namespaces_of(reserved.tenant).next().is_none()
        })
    }
}
