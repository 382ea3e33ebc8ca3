//! Labels of tenants' namespaces. The webhook adds them to new namespaces, the controller to existing ones.

use crate::settings::{Dataplane, Settings};
use crate::snapshot::{TENANT_LABEL, Tenant};

/// Label for people, dashboards and policies, in addition to [`TENANT_LABEL`].
pub const PLAIN_TENANT_LABEL: &str = "tenant";

/// Labels that add the pods of a namespace to the mesh.
pub const MESH_LABELS: &[&str] = &[INJECTION_LABEL, REVISION_LABEL, DATAPLANE_LABEL];
const INJECTION_LABEL: &str = "istio-injection";
/// Selects the revision of the mesh that handles the labelled object.
pub const REVISION_LABEL: &str = "istio.io/rev";
/// Adds pods to an ambient mesh.
pub const DATAPLANE_LABEL: &str = "istio.io/dataplane-mode";

/// Label of Pod Security admission, which rejects pods that ask for access to the node. See
/// <https://kubernetes.io/docs/concepts/security/pod-security-admission/>.
pub const POD_SECURITY_LABEL: &str = "pod-security.kubernetes.io/enforce";

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
