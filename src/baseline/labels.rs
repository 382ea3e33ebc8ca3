use crate::settings::{Dataplane, Settings};
use crate::snapshot::{TENANT_LABEL, Tenant};

/// The label people, dashboards and policies read, beside [`TENANT_LABEL`].
pub const PLAIN_TENANT_LABEL: &str = "tenant";

/// The labels by which Istio injects a namespace's pods.
pub const MESH_LABELS: &[&str] = &[INJECTION_LABEL, REVISION_LABEL, DATAPLANE_LABEL];
const INJECTION_LABEL: &str = "istio-injection";
/// Names the revision of the mesh that reads what bears it.
pub const REVISION_LABEL: &str = "istio.io/rev";
/// Takes pods into an ambient mesh.
pub const DATAPLANE_LABEL: &str = "istio.io/dataplane-mode";

/// The label by which Kubernetes itself refuses pods that reach for the node.
pub const POD_SECURITY_LABEL: &str = "pod-security.kubernetes.io/enforce";

/// A label and the value it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'w> {
    pub key: &'static str,
    pub value: &'w str,
}

/// The labels of every namespace of `tenant`; while it is observed, only the one that says whose it is.
pub fn labels<'w>(settings: &'w Settings, tenant: &'w Tenant) -> impl Iterator<Item = Label<'w>> {
    let is_observed = tenant.is_observed();
    enforced_labels(settings, tenant).filter(move |label| !is_observed || label.key == TENANT_LABEL)
}

/// The labels of every namespace of `tenant` once it is enforced.
pub fn enforced_labels<'w>(settings: &'w Settings, tenant: &'w Tenant) -> impl Iterator<Item = Label<'w>> {
    let tenant = tenant.name.as_str();
    let is_ambient = settings.dataplane == Dataplane::Ambient;
    let mesh = match settings.mesh_revision.as_deref() {
        _ if is_ambient => Label { key: DATAPLANE_LABEL, value: "ambient" },
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
    /// Whether `value` is there and says something else; which revision of the mesh it is is the platform's to say, and
    /// so is a stricter level.
    pub fn differs(&self, value: Option<&str>) -> bool {
        let is_stricter = self.key == POD_SECURITY_LABEL && value == Some("restricted");
        self.key != REVISION_LABEL && !is_stricter && value.is_some_and(|value| value != self.value)
    }
}

/// Those of `labels` that a namespace lacks, whose labels `has` gives by key. What is there with another value is
/// somebody's, and stays: of two labels by which Istio injects either will do.
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
