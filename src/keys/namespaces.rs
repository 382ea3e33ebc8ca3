use super::names::{
    DATAPLANE_LABEL, INJECTION_LABEL, ISTIO_LABELS, MESH_DOMAIN, NAME_LABEL, NAMESPACE_NAME_LABEL,
    OWN_DOMAIN, PLAIN_TENANT_LABEL, POD_SECURITY_LABEL, PROBE, REVISION_LABEL, TENANT_LABEL,
};
use super::row::{Objects, Row, Values, Writer};

const AKS: &str = "https://learn.microsoft.com/azure/aks/";
const HNC: &str = "https://github.com/kubernetes-retired/hierarchical-namespaces";
const INJECTION: &str = "https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/";
const POD_SECURITY: &str = "https://kubernetes.io/docs/concepts/security/pod-security-admission/";

/// Labels and annotations of Namespaces.
pub(super) static ROWS: &[Row] = &[
    domain("antrea.io", "configures Antrea, a network plugin").see("https://antrea.io/docs/"),
    domain(OWN_DOMAIN, "is the domain of Bulkhead").see("tenants.md"),
    Row::label(Objects::Namespaces, PROBE, "proves by its refusal that the API server calls the webhook")
        .judged_by("BH103")
        .see("availability.md"),
    Row::label(Objects::Namespaces, TENANT_LABEL, "names the tenant of the namespace")
        .written_by(Writer::TenantOwner, Values::OwnTenant)
        .judged_by("BH102")
        .see("tenants.md"),
    domain("capsule.clastix.io", "assigns the namespace to a tenant of Capsule")
        .see("https://projectcapsule.dev/docs/"),
    domain("cilium.io", "configures Cilium, a network plugin").see("https://docs.cilium.io/"),
    protected(Row::both(
        Objects::Namespaces,
        "control-plane",
        "exempts the namespace from admission webhooks on some clouds",
    ))
    .see(AKS),
    domain(
        "field.cattle.io",
        "assigns the namespace to a project of Rancher, whose members get rights in it",
    )
    .see("https://ranchermanager.docs.rancher.com/"),
    domain("gatekeeper.sh", "exempts the namespace from Gatekeeper, an admission webhook")
        .see("https://open-policy-agent.github.io/gatekeeper/website/"),
    domain("hnc.x-k8s.io", "makes HNC copy roles into the namespace").see(HNC),
    domain("iam.amazonaws.com", "permits cloud roles to the pods of the namespace")
        .see("https://github.com/uswitch/kiam"),
    protected(Row::both(Objects::Namespaces, INJECTION_LABEL, "turns the injection of sidecars on or off"))
        .written_by(Writer::Platform, Values::Baseline)
        .see(INJECTION),
    domain(MESH_DOMAIN, "configures Istio").see(ISTIO_LABELS),
    baseline_label(DATAPLANE_LABEL, "adds the pods to an ambient mesh, or excludes them").see(ISTIO_LABELS),
    baseline_label(REVISION_LABEL, "selects the revision of Istio that injects the pods").see(ISTIO_LABELS),
    domain("k8s.ovn.org", "configures OVN-Kubernetes, a network plugin").see("https://ovn-kubernetes.io/"),
    domain("kubernetes.azure.com", "configures AKS, Azure's Kubernetes").see(AKS),
    Row::label(
        Objects::Namespaces,
        NAMESPACE_NAME_LABEL,
        "holds the namespace's name, by which policies select",
    )
    .written_by(Writer::ApiServer, Values::NamespaceName)
    .see("https://kubernetes.io/docs/reference/labels-annotations-taints/"),
    domain("kyverno.io", "configures Kyverno, an admission webhook").see("https://kyverno.io/docs/"),
    protected(Row::label(
        Objects::Namespaces,
        NAME_LABEL,
        "is taken for the namespace's name by older policies",
    ))
    .written_by(Writer::Platform, Values::NamespaceName)
    .see("https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
    domain("openshift.io", "configures OpenShift").see("https://docs.openshift.com/"),
    domain("ovn.kubernetes.io", "configures Kube-OVN, a network plugin")
        .see("https://kubeovn.github.io/docs/"),
    domain("pod-security.kubernetes.io", "configures Pod Security admission").see(POD_SECURITY),
    strictest_level("pod-security.kubernetes.io/audit", "sets the level that Pod Security admission records"),
    baseline_label(POD_SECURITY_LABEL, "sets the level of Pod Security admission").see(POD_SECURITY),
    strictest_level("pod-security.kubernetes.io/warn", "sets the level that Pod Security admission warns of"),
    domain("projectcalico.org", "configures Calico, a network plugin")
        .see("https://docs.tigera.io/calico/latest/"),
    domain("scheduler.alpha.kubernetes.io", "sets the nodes and tolerations of the namespace's pods")
        .see("https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/"),
    domain("sigstore.dev", "turns the verification of images on or off").see("https://docs.sigstore.dev/"),
    Row::label(Objects::Namespaces, PLAIN_TENANT_LABEL, "names the tenant for dashboards and policies")
        .written_by(Writer::TenantOwner, Values::SameTenant)
        .judged_by("BH102")
        .see("tenants.md"),
];

const fn domain(domain: &'static str, effect: &'static str) -> Row {
    protected(Row::domain(Objects::Namespaces, domain, effect))
}

/// A label that the baseline sets.
const fn baseline_label(key: &'static str, effect: &'static str) -> Row {
    protected(Row::label(Objects::Namespaces, key, effect)).written_by(Writer::Platform, Values::Baseline)
}

/// A label that refuses nothing: any user may set the strictest level.
const fn strictest_level(key: &'static str, effect: &'static str) -> Row {
    let row = Row::label(Objects::Namespaces, key, effect).judged_by("BH103").see(POD_SECURITY);
    row.written_by(Writer::Platform, Values::Only(&["restricted"]))
}

const fn protected(row: Row) -> Row {
    row.written_by(Writer::Platform, Values::None).judged_by("BH103")
}
