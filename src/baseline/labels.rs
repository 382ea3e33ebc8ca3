//! Labels of tenants' namespaces. The webhook adds them to new namespaces, the controller to existing ones.

use crate::keys::{
    AMBIENT, DATAPLANE_LABEL, INJECTION_LABEL, MESH_LABELS, PLAIN_TENANT_LABEL, POD_SECURITY_LABEL,
    REVISION_LABEL, TENANT_LABEL,
};
use crate::settings::{Dataplane, Settings};
use crate::snapshot::Tenant;

/// A label and the value it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'w> {
    pub key: &'static str,
    pub value: &'w str,
}

/// Returns the labels of every namespace of `tenant`; only [`TENANT_LABEL`] while the tenant is observed.
pub fn labels<'w>(settings: &'w Settings, tenant: &'w Tenant) -> impl Iterator<Item = Label<'w>> {
    let is_observed = tenant.is_observed();
    enforced_labels(settings, tenant).filter(move |label| !is_observed || label.key == TENANT_LABEL)
}

/// Returns the labels of every namespace of `tenant` once the tenant is enforced.
pub fn enforced_labels<'w>(settings: &'w Settings, tenant: &'w Tenant) -> impl Iterator<Item = Label<'w>> {
    let tenant = tenant.name.as_str();
    let is_ambient = settings.dataplane == Dataplane::Ambient;
    let mesh = match settings.mesh_revision.as_deref() {
        _ if is_ambient => Label { key: DATAPLANE_LABEL, value: AMBIENT },
        Some(revision) => Label { key: REVISION_LABEL, value: revision },
        None => Label { key: INJECTION_LABEL, value: "enabled" },
    };
    // The container by which Istio takes pods in without its plugin is refused by every level but `privileged`.
    let allows_pod_security = settings.istio_cni || is_ambient;
    let security = allows_pod_security.then_some(Label { key: POD_SECURITY_LABEL, value: "baseline" });
    let plain_label = settings.plain_tenant_label.then_some(Label { key: PLAIN_TENANT_LABEL, value: tenant });
    [Some(Label { key: TENANT_LABEL, value: tenant }), plain_label, Some(mesh), security]
        .into_iter()
        .flatten()
}

impl Label<'_> {
    /// True if `value` is present and conflicts with this label. Any mesh revision is accepted, because the
    /// platform chooses it, and so is a stricter security level.
    pub fn differs(&self, value: Option<&str>) -> bool {
        let is_stricter = self.key == POD_SECURITY_LABEL && value == Some("restricted");
        self.key != REVISION_LABEL && !is_stricter && value.is_some_and(|value| value != self.value)
    }
}

/// Returns the labels that a namespace needs and does not have; `has` is true for its keys. A key with another
/// value stays as it is. One of the mesh labels is enough.
pub fn missing_labels<L>(
    labels: impl IntoIterator<Item = L>,
    key: impl Fn(&L) -> &'static str,
    has: impl Fn(&str) -> bool,
) -> impl Iterator<Item = L> {
    let has_mesh_label = MESH_LABELS.iter().any(|key| has(key));
    labels.into_iter().filter(move |label| {
        let key = key(label);
        !has(key) && (!has_mesh_label || !MESH_LABELS.contains(&key))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::TenantSpec;
    use crate::keys::{TABLE, Values};

    #[test]
    fn labels_of_the_baseline_are_rows_of_the_table() {
        let tenant = Tenant::new("one".to_owned(), 0, TenantSpec::default());
        let mut set = BTreeSet::new();
        for (dataplane, revision) in
            [(Dataplane::Sidecar, None), (Dataplane::Sidecar, Some("canary")), (Dataplane::Ambient, None)]
        {
            let mesh_revision = revision.map(str::to_owned);
            let settings =
                Settings { dataplane, mesh_revision, plain_tenant_label: true, ..Settings::default() };
            set.extend(enforced_labels(&settings, &tenant).map(|label| label.key));
        }
        let is_set = |values| matches!(values, Values::Baseline | Values::OwnTenant | Values::SameTenant);
        let rows = TABLE.into_iter().flatten().filter(|row| is_set(row.values));
        assert_eq!(rows.map(|row| row.pattern.text()).collect::<BTreeSet<_>>(), set);
    }
}
