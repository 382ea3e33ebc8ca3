use crate::settings::Settings;
use crate::world::{TENANT_LABEL, Tenant};

/// The label people, dashboards and policies read, beside [`TENANT_LABEL`].
pub const PLAIN_TENANT_LABEL: &str = "tenant";

/// The labels by which Istio injects a namespace's pods.
pub const MESH_LABELS: &[&str] = &["istio-injection", "istio.io/rev"];

/// A label and the value it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'w> {
    pub key: &'static str,
    pub value: &'w str,
}

/// The labels of every namespace of `tenant`.
pub fn labels<'w>(settings: &'w Settings, tenant: &'w Tenant) -> impl Iterator<Item = Label<'w>> {
    let tenant = tenant.name.as_str();
    let mesh = match settings.mesh_revision.as_deref() {
        Some(revision) => Label { key: "istio.io/rev", value: revision },
        None => Label { key: "istio-injection", value: "enabled" },
    };
    let plain = settings.plain_tenant_label.then_some(Label { key: PLAIN_TENANT_LABEL, value: tenant });
    [Some(Label { key: TENANT_LABEL, value: tenant }), plain, Some(mesh)].into_iter().flatten()
}
