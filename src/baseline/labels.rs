//! Labels of tenants' namespaces. The webhook adds them to new namespaces, the controller to existing ones.

use crate::keys::{
    AMBIENT, DATAPLANE_LABEL, INJECTED, INJECTION_LABEL, PLAIN_TENANT_LABEL, POD_SECURITY_LABEL,
    REVISION_LABEL, TENANT_LABEL,
};
use crate::settings::{Dataplane, Settings};
use crate::snapshot::{Namespace, Tenant};

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
    let is_ambient = tenant.dataplane(settings) == Dataplane::Ambient;
    let tenant = tenant.name.as_str();
    let mesh = match settings.mesh_revision.as_deref() {
        _ if is_ambient => Label { key: DATAPLANE_LABEL, value: AMBIENT },
        Some(revision) => Label { key: REVISION_LABEL, value: revision },
        None => Label { key: INJECTION_LABEL, value: INJECTED },
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

/// Returns the labels with which pods of an ambient tenant's namespace still get a sidecar; none if ztunnel could not
/// capture the pods without one.
pub fn labels_of_sidecars(settings: &Settings, tenant: &Tenant, namespace: &Namespace) -> Vec<&'static str> {
    let is_movable = matches!(namespace.label(DATAPLANE_LABEL), None | Some(AMBIENT));
    let is_moving = tenant.dataplane(settings) == Dataplane::Ambient && namespace.is_injected() && is_movable;
    let keys = [INJECTION_LABEL, REVISION_LABEL].into_iter();
    keys.filter(|key| is_moving && namespace.label(key).is_some()).collect()
}

/// Returns the labels that a namespace needs and does not have; `has` is true for its keys. A key with another
/// value stays as it is. One of the mesh labels is enough, except that pods of a captured namespace get no sidecar without
/// a label for it.
pub fn missing_labels<L>(
    labels: impl IntoIterator<Item = L>,
    key: impl Fn(&L) -> &'static str,
    has: impl Fn(&str) -> bool,
) -> impl Iterator<Item = L> {
    let is_injected = has(INJECTION_LABEL) || has(REVISION_LABEL);
    let is_captured = has(DATAPLANE_LABEL);
    labels.into_iter().filter(move |label| {
        let key = key(label);
        let has_other = match key {
            INJECTION_LABEL | REVISION_LABEL => is_injected,
            DATAPLANE_LABEL => is_injected || is_captured,
            _ => false,
        };
        !has(key) && !has_other
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

    fn namespace(labels: &[(&str, &str)]) -> Namespace {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Namespace { labels, ..Namespace::default() }
    }

    #[test]
    fn labels_of_sidecars_go_only_where_ztunnel_takes_over() {
        let tenant = |dataplane| {
            let spec = TenantSpec { dataplane, ..TenantSpec::default() };
            Tenant::new("one".to_owned(), 0, spec)
        };
        let injected = (INJECTION_LABEL, INJECTED);
        let removed = |dataplane, labels: &[(&str, &str)]| {
            labels_of_sidecars(&Settings::default(), &tenant(dataplane), &namespace(labels))
        };
        let ambient = Some(Dataplane::Ambient);
        assert_eq!(removed(ambient, &[injected]), [INJECTION_LABEL]);
        assert_eq!(removed(ambient, &[(REVISION_LABEL, "canary")]), [REVISION_LABEL]);
        let both = [injected, (REVISION_LABEL, "canary"), (DATAPLANE_LABEL, AMBIENT)];
        assert_eq!(removed(ambient, &both), [INJECTION_LABEL, REVISION_LABEL]);
        // The platform has taken the namespace out of one dataplane or the other.
        assert_eq!(removed(ambient, &[injected, (DATAPLANE_LABEL, "none")]), [""; 0]);
        assert_eq!(removed(ambient, &[(INJECTION_LABEL, "disabled")]), [""; 0]);
        assert_eq!(removed(None, &[injected]), [""; 0]);
        assert_eq!(removed(Some(Dataplane::Sidecar), &both), [""; 0]);
    }

    #[test]
    fn label_of_sidecars_is_missing_beside_that_of_ztunnel_and_not_the_other_way_round() {
        let missing = |dataplane, known: &[&str]| {
            let tenant = Tenant::new("one".to_owned(), 0, TenantSpec::default());
            let settings = Settings { dataplane, ..Settings::default() };
            let others = [TENANT_LABEL, PLAIN_TENANT_LABEL, POD_SECURITY_LABEL];
            let has = |key: &str| others.contains(&key) || known.contains(&key);
            missing_labels(enforced_labels(&settings, &tenant), |label| label.key, has)
                .map(|label| label.key)
                .collect::<Vec<_>>()
        };
        let (sidecar, ambient) = (Dataplane::Sidecar, Dataplane::Ambient);
        assert_eq!(missing(sidecar, &[]), [INJECTION_LABEL]);
        assert_eq!(missing(sidecar, &[DATAPLANE_LABEL]), [INJECTION_LABEL]);
        assert_eq!(missing(sidecar, &[REVISION_LABEL]), [""; 0]);
        assert_eq!(missing(ambient, &[]), [DATAPLANE_LABEL]);
        assert_eq!(missing(ambient, &[INJECTION_LABEL]), [""; 0]);
        assert_eq!(missing(ambient, &[REVISION_LABEL]), [""; 0]);
    }
}
