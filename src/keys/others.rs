use super::names::{
    AGGREGATE_TO_TENANT_LABEL, DRY_RUN_ANNOTATION, EXTERNAL_DNS, INTERNAL_DOMAIN, ISTIO_ANNOTATIONS,
    ISTIO_LABELS, LAST_APPLIED_ANNOTATION, MANAGED_BY_LABEL, REVISION_LABEL, SERVICE_ACCOUNT_ANNOTATION,
    SUPPRESSION_ANNOTATION, USE_WAYPOINT_LABEL, USE_WAYPOINT_NAMESPACE_LABEL,
};
use super::row::{Objects, Row, Values, Writer};
use crate::kinds::Kind;

/// Kinds that secure the mesh.
pub const SECURITY_KINDS: &[Kind] = &[Kind::AuthorizationPolicy, Kind::PeerAuthentication, Kind::Sidecar];
pub const TRAFFIC_KINDS: &[Kind] = &[
    Kind::DestinationRule,
    Kind::EnvoyFilter,
    Kind::Gateway,
    Kind::RequestAuthentication,
    Kind::ServiceEntry,
    Kind::Telemetry,
    Kind::VirtualService,
];
/// Kinds whose hosts external-dns and other DNS controllers publish, if they are set up for it.
const PUBLISHED_KINDS: &[Kind] = &[Kind::Gateway, Kind::VirtualService];

const KUBERNETES: &str = "https://kubernetes.io/docs/reference/labels-annotations-taints/";

/// A label of ServiceEntries that no user may write.
const fn of_service_entry(label: &'static str, effect: &'static str) -> Row {
    Row::label(Objects::Of(&[&[Kind::ServiceEntry]]), label, effect).judged_by("BH804").see(ISTIO_LABELS)
}

/// Labels and annotations of policies, baseline objects and Secrets.
pub(super) static ROWS: &[Row] = &[
    Row::label(Objects::Managed, MANAGED_BY_LABEL.0, "makes Bulkhead's controller watch the object")
        .written_by(Writer::Bulkhead, Values::Any)
        .judged_by("BH202")
        .see("baseline.md"),
    deployer("argoproj.io", "makes Argo CD own, prune or ignore the object")
        .see("https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/"),
    // RBAC alone decides who writes ClusterRoles.
    Row::label(
        Objects::Of(&[&[Kind::ClusterRole]]),
        AGGREGATE_TO_TENANT_LABEL.0,
        "gives the permissions of the role to the owners of every tenant, in their namespaces",
    )
    .written_by(Writer::Platform, Values::Any)
    .see("tenants.md"),
    dns("external-dns.alpha.kubernetes.io").see(EXTERNAL_DNS),
    dns("external-dns.kubernetes.io").see(EXTERNAL_DNS),
    deployer("fluxcd.io", "makes Flux own, prune or ignore the object")
        .see("https://fluxcd.io/flux/components/kustomize/kustomizations/"),
    Row::annotation(
        Objects::Of(&[SECURITY_KINDS]),
        SUPPRESSION_ANNOTATION,
        "hides errors of the object from `istioctl analyze`",
    )
    .judged_by("BH704")
    .see(ISTIO_ANNOTATIONS),
    dns("gardener.cloud").see("https://gardener.cloud/docs/"),
    Row::annotation(
        Objects::Of(&[&[Kind::KubernetesGateway]]),
        "gateway.istio.io/controller-version",
        "records the version of istiod that creates the pods of the Gateway",
    )
    .written_by(Writer::Istiod, Values::Any)
    .see(ISTIO_ANNOTATIONS),
    deployer("helm.sh", "makes Helm own or keep the object")
        .see("https://helm.sh/docs/howto/charts_tips_and_tricks/"),
    Row::domain(
        Objects::Of(&[SECURITY_KINDS, TRAFFIC_KINDS]),
        INTERNAL_DOMAIN,
        "makes istiod treat the object as one that it made itself",
    )
    .judged_by("BH704")
    .see(ISTIO_ANNOTATIONS),
    Row::annotation(
        Objects::Of(&[&[Kind::AuthorizationPolicy]]),
        DRY_RUN_ANNOTATION,
        "makes Istio evaluate the policy without enforcing it",
    )
    .written_by(Writer::Anyone, Values::Any)
    .see("https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/"),
    Row::label(
        Objects::Of(&[SECURITY_KINDS, TRAFFIC_KINDS]),
        REVISION_LABEL,
        "makes every other revision of istiod ignore the object",
    )
    .written_by(Writer::Anyone, Values::NamespaceRevision)
    .judged_by("BH704")
    .see(ISTIO_LABELS),
    Row::label(
        Objects::Of(&[&[Kind::ServiceEntry]]),
        USE_WAYPOINT_LABEL,
        "selects the waypoint of the hosts",
    )
    .written_by(Writer::Anyone, Values::Waypoint)
    .judged_by("BH804")
    .see(ISTIO_LABELS),
    of_service_entry("istio.io/use-waypoint-canary", "selects a second waypoint of the hosts"),
    of_service_entry(
        "istio.io/use-waypoint-canary-namespace",
        "selects the namespace of the hosts' second waypoint",
    ),
    of_service_entry(USE_WAYPOINT_NAMESPACE_LABEL, "selects the namespace of the hosts' waypoint"),
    Row::domain(
        Objects::Of(&[&[Kind::NetworkPolicy]]),
        "k8s.ovn.org",
        "makes OVN-Kubernetes apply the policy in another way",
    )
    .written_by(Writer::Anyone, Values::Any)
    .see("https://ovn-kubernetes.io/features/network-security-controls/network-policy/"),
    Row::annotation(Objects::Managed, LAST_APPLIED_ANNOTATION, "records what kubectl applied last")
        .written_by(Writer::Anyone, Values::Any)
        .see(KUBERNETES),
    Row::annotation(
        Objects::Of(&[&[Kind::Secret]]),
        SERVICE_ACCOUNT_ANNOTATION,
        "makes Kubernetes put a lasting token of that account into a token Secret",
    )
    .judged_by("BH404")
    .see(KUBERNETES),
    aggregated("rbac.authorization.k8s.io/aggregate-to-admin"),
    aggregated("rbac.authorization.k8s.io/aggregate-to-edit"),
    aggregated("rbac.authorization.k8s.io/aggregate-to-view"),
];

/// A label with which a role of Kubernetes gets the permissions of another one.
const fn aggregated(key: &'static str) -> Row {
    let effect = "adds the permissions of the role to another role";
    Row::label(Objects::Of(&[&[Kind::ClusterRole]]), key, effect)
        .written_by(Writer::Anyone, Values::Any)
        .see("https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles")
}

/// A domain of the keys of a DNS controller.
const fn dns(domain: &'static str) -> Row {
    let effect = "makes a DNS controller write a name of the platform's zones";
    Row::domain(Objects::Of(&[PUBLISHED_KINDS]), domain, effect).judged_by("BH808")
}

/// A domain of the keys of a tool that deploys objects.
const fn deployer(domain: &'static str, effect: &'static str) -> Row {
    Row::domain(Objects::Managed, domain, effect).written_by(Writer::Anyone, Values::Any)
}
