use super::names::{
    DRY_RUN_ANNOTATION, LAST_APPLIED_ANNOTATION, MANAGED_BY_LABEL, REVISION_LABEL,
    SERVICE_ACCOUNT_ANNOTATION, SUPPRESSION_ANNOTATION,
};
use super::row::{Objects, Row, Values, Writer};
use crate::kinds::Kind;

/// Kinds that secure the mesh.
pub const SECURITY_KINDS: &[Kind] = &[Kind::AuthorizationPolicy, Kind::PeerAuthentication, Kind::Sidecar];
pub const TRAFFIC_KINDS: &[Kind] =
    &[Kind::EnvoyFilter, Kind::ServiceEntry, Kind::Telemetry, Kind::VirtualService];

const KUBERNETES: &str = "https://kubernetes.io/docs/reference/labels-annotations-taints/";

/// Labels and annotations of policies, baseline objects and Secrets.
pub(super) static ROWS: &[Row] = &[
    Row::label(Objects::Managed, MANAGED_BY_LABEL.0, "makes Bulkhead's controller watch the object")
        .written_by(Writer::Bulkhead, Values::Any)
        .judged_by("BH202")
        .see("baseline.md"),
    Row::annotation(
        Objects::Of(&[SECURITY_KINDS]),
        SUPPRESSION_ANNOTATION,
        "hides errors of the object from `istioctl analyze`",
    )
    .judged_by("BH704")
    .see("https://istio.io/latest/docs/reference/config/annotations/"),
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
    .see("https://istio.io/latest/docs/reference/config/labels/"),
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
];
