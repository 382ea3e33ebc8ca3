/// Domain of the labels and annotations of Istio, with its subdomains.
pub(super) const MESH_DOMAIN: &str = "istio.io";
/// Domain of the keys that istiod writes into objects that it makes from others.
pub const INTERNAL_DOMAIN: &str = "internal.istio.io";
/// Domain of Bulkhead's own labels.
pub(super) const OWN_DOMAIN: &str = "bulkhead.dev";

/// Label that names the tenant of a namespace; the webhook entries select namespaces by it.
pub const TENANT_LABEL: &str = "bulkhead.dev/tenant";
/// Label for people, dashboards and policies, in addition to [`TENANT_LABEL`].
pub const PLAIN_TENANT_LABEL: &str = "tenant";
/// Label that is refused to every user: the refusal proves that the webhook is called.
pub const PROBE: &str = "bulkhead.dev/probe";
/// Label of every object that Bulkhead's controller writes; the controller watches objects with it.
pub const MANAGED_BY_LABEL: (&str, &str) = ("app.kubernetes.io/managed-by", "bulkhead");
/// Label of the ClusterRoles whose permissions tenants' owners have in their namespaces.
pub const AGGREGATE_TO_TENANT_LABEL: (&str, &str) = ("bulkhead.dev/aggregate-to-tenant", "true");

/// Label in which Kubernetes itself writes a namespace's name.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// Prefix of the labels of a pod's namespace, as Cilium's policies name them.
pub const CILIUM_NAMESPACE_LABELS: &str = "k8s:io.cilium.k8s.namespace.labels.";
/// Label by which older policies select namespaces as if it were the name.
pub const NAME_LABEL: &str = "name";

/// Labels that add the pods of a namespace to the mesh.
pub const MESH_LABELS: &[&str] = &[INJECTION_LABEL, REVISION_LABEL, DATAPLANE_LABEL];
pub const INJECTION_LABEL: &str = "istio-injection";
/// The value of this label with which Istio adds a sidecar to each pod.
pub const INJECTED: &str = "enabled";
/// Selects the revision of the mesh that handles the labelled object.
pub const REVISION_LABEL: &str = "istio.io/rev";
/// Adds pods to an ambient mesh, with the value [`AMBIENT`].
pub const DATAPLANE_LABEL: &str = "istio.io/dataplane-mode";
/// The value of this label with which ztunnel captures the pods.
pub const AMBIENT: &str = "ambient";

/// Label of Pod Security admission, which rejects pods that ask for access to the node. See
/// <https://kubernetes.io/docs/concepts/security/pod-security-admission/>.
pub const POD_SECURITY_LABEL: &str = "pod-security.kubernetes.io/enforce";

/// Label and annotation with which a pod asks for a sidecar or for none.
pub const INJECT_KEY: &str = "sidecar.istio.io/inject";
/// Annotation in which the injector records its work. If it exists already, the injector takes the pod for injected.
pub const STATUS_ANNOTATION: &str = "sidecar.istio.io/status";
/// Annotation that makes the injector keep a tenant's changes to the mesh's own containers.
pub const OVERRIDES_ANNOTATION: &str = "proxy.istio.io/overrides";
/// Annotation with which a pod selects what the injector makes of it.
pub const TEMPLATES_ANNOTATION: &str = "inject.istio.io/templates";
/// The template of gateways that Istio installs.
pub const GATEWAY_TEMPLATE: &str = "gateway";
/// The template of pods with a proxy beside their own containers.
pub const SIDECAR_TEMPLATE: &str = "sidecar";
pub const NATIVE_SIDECAR_ANNOTATION: &str = "sidecar.istio.io/nativeSidecar";
pub const PROXY_CONFIG_ANNOTATION: &str = "proxy.istio.io/config";
pub const PROXY_CPU_ANNOTATION: &str = "sidecar.istio.io/proxyCPU";
/// Annotation in which istio-cni records that ztunnel captures the pod.
pub const REDIRECTION_ANNOTATION: &str = "ambient.istio.io/redirection";
/// Annotation that treats inbound traffic of virtual interfaces as outbound.
pub(super) const REROUTE_ANNOTATION: &str = "istio.io/reroute-virtual-interfaces";
/// Domain of the annotations of ambient meshes.
pub(super) const AMBIENT_DOMAIN: &str = "ambient.istio.io";
/// Selects the waypoint of the labelled object.
pub const USE_WAYPOINT_LABEL: &str = "istio.io/use-waypoint";
/// Selects the namespace of the waypoint of the labelled object.
pub const USE_WAYPOINT_NAMESPACE_LABEL: &str = "istio.io/use-waypoint-namespace";
/// Selects the kind of traffic that a waypoint accepts.
pub const WAYPOINT_FOR_LABEL: &str = "istio.io/waypoint-for";
/// Condition of a Service that uses a waypoint, which istiod writes.
pub const WAYPOINT_BOUND_CONDITION: &str = "istio.io/WaypointBound";
/// Annotation of a waypoint that makes it name the caller to the workload, in `X-Forwarded-Client-Cert`.
pub const WAYPOINT_CLIENT_IDENTITY_ANNOTATION: &str = "ambient.istio.io/xfcc-include-client-identity";
/// Label of the pods of OpenShift's DNS operator.
pub const OPENSHIFT_DNS_LABEL: &str = "dns.operator.openshift.io/daemonset-dns";
/// Label with which a pod belongs to a Gateway.
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// Label that istiod gives the pods of waypoints: proxies find the kind of a gateway by it.
pub const WAYPOINT_POD_LABEL: (&str, &str) = ("gateway.istio.io/managed", "istio.io-mesh-controller");

/// Annotation of a Service that makes callers prefer pods near them.
pub(super) const TRAFFIC_DISTRIBUTION_ANNOTATION: &str = "networking.istio.io/traffic-distribution";
/// Annotations of a Gateway about its Service, which istiod also copies to the pods. No component reads them there.
pub const GATEWAY_SERVICE_ANNOTATIONS: [&str; 2] =
    ["networking.istio.io/service-type", TRAFFIC_DISTRIBUTION_ANNOTATION];

/// Label of a pod that accepts mTLS.
pub const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";
/// Label with the network of a pod, in a mesh of several networks.
pub const NETWORK_LABEL: &str = "topology.istio.io/network";

/// Annotation of a policy that is evaluated but not enforced.
pub const DRY_RUN_ANNOTATION: &str = "istio.io/dry-run";
pub const SUPPRESSION_ANNOTATION: &str = "galley.istio.io/analyze-suppress";
/// Annotation that names the service account whose token a Secret holds.
pub const SERVICE_ACCOUNT_ANNOTATION: &str = "kubernetes.io/service-account.name";
/// Values of the labels with which Kubernetes' controllers mark their own Endpoints and EndpointSlices.
pub const ENDPOINT_MANAGERS: [&str; 3] =
    ["endpoint-controller", "endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"];
/// Label of an injector's webhook configuration that makes another name of a revision.
pub const REVISION_TAG_LABEL: &str = "istio.io/tag";
/// Prefix of the labels that nodes must not set on themselves.
pub const NODE_RESTRICTION_PREFIX: &str = "node-restriction.kubernetes.io/";
/// Annotation in which kubectl records what it last applied. Only kubectl reads it.
pub const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) const EXTERNAL_DNS: &str =
    "https://kubernetes-sigs.github.io/external-dns/latest/docs/annotations/annotations/";

pub(super) const ISTIO_LABELS: &str = "https://istio.io/latest/docs/reference/config/labels/";
pub(super) const ISTIO_ANNOTATIONS: &str = "https://istio.io/latest/docs/reference/config/annotations/";
