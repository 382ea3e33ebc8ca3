use super::names::{
    AMBIENT, DATAPLANE_LABEL, GATEWAY_NAME_LABEL, GATEWAY_TEMPLATE, INJECT_KEY, ISTIO_ANNOTATIONS,
    ISTIO_LABELS, MESH_DOMAIN, NATIVE_SIDECAR_ANNOTATION, NETWORK_LABEL, OVERRIDES_ANNOTATION,
    PROXY_CONFIG_ANNOTATION, PROXY_CPU_ANNOTATION, REDIRECTION_ANNOTATION, REROUTE_ANNOTATION,
    REVISION_LABEL, SIDECAR_TEMPLATE, STATUS_ANNOTATION, SUPPRESSION_ANNOTATION, TEMPLATES_ANNOTATION,
    TLS_MODE_LABEL, USE_WAYPOINT_LABEL, USE_WAYPOINT_NAMESPACE_LABEL,
};
use super::row::{Objects, Row, Values, Writer};

/// Labels and annotations of pods, pod templates and bindings. The injector, the proxy's agent and istio-cni obey
/// these keys; the latter two read the live pod.
pub(super) static ROWS: &[Row] = &[
    annotation(
        "ambient.istio.io/bypass-inbound-capture",
        Values::Only(&["false"]),
        "makes ztunnel pass inbound traffic on without a policy",
    ),
    annotation(
        "ambient.istio.io/dns-capture",
        Values::Only(&["true"]),
        "redirects the pod's DNS queries to ztunnel",
    ),
    // In a mesh with both data planes, istio-cni writes this annotation through `pods/status`.
    annotation(REDIRECTION_ANNOTATION, Values::Only(&["enabled"]), "records that ztunnel captures the pod"),
    network("cilium.io", "sets the addresses of the pod, or passes its traffic past Cilium's policies"),
    network("cni.projectcalico.org", "sets the addresses of the pod"),
    Row::domain(
        Objects::Pods,
        "container.apparmor.security.beta.kubernetes.io",
        "replaces the AppArmor profile of a container",
    )
    .written_by(Writer::Anyone, Values::AppArmorProfile)
    .judged_by("BH307")
    .see("https://kubernetes.io/docs/tutorials/security/apparmor/"),
    annotation(SUPPRESSION_ANNOTATION, Values::Any, "hides errors of the object from `istioctl analyze`"),
    label(GATEWAY_NAME_LABEL, Values::Any, "applies the policies of a Gateway to the pod")
        .see("https://gateway-api.sigs.k8s.io/"),
    annotation(
        TEMPLATES_ANNOTATION,
        Values::Only(&[SIDECAR_TEMPLATE, GATEWAY_TEMPLATE]),
        "selects the templates of the proxy; a gateway needs a grant",
    )
    .judged_by("BH324"),
    Row::domain(Objects::Pods, MESH_DOMAIN, "may configure Istio").judged_by("BH303").see(ISTIO_ANNOTATIONS),
    label(DATAPLANE_LABEL, Values::Only(&[AMBIENT]), "adds the pod to an ambient mesh, or excludes it")
        .judged_by("BH302"),
    annotation(REROUTE_ANNOTATION, Values::None, "treats inbound traffic of virtual interfaces as outbound"),
    label(REVISION_LABEL, Values::Revision, "selects the revision of Istio that injects the pod"),
    annotation(REVISION_LABEL, Values::Name, "records the revision of Istio that injected the pod"),
    label(USE_WAYPOINT_LABEL, Values::Waypoint, "selects the waypoint of the pod"),
    label(USE_WAYPOINT_NAMESPACE_LABEL, Values::None, "selects the namespace of the pod's waypoint"),
    network("k8s.ovn.org", "sets the addresses of the pod"),
    network("k8s.v1.cni.cncf.io", "adds the pod to further networks")
        .written_by(Writer::Anyone, Values::MeshNetwork),
    Row::annotation(
        Objects::Pods,
        "kubernetes.io/config.mirror",
        "marks a pod that the kubelet runs from a file",
    )
    .judged_by("BH313")
    .see("https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/"),
    label("networking.istio.io/tunnel", Values::Only(&["http"]), "makes callers tunnel to the pod"),
    annotation(
        "prometheus.istio.io/merge-metrics",
        Values::Bool,
        "adds the application's metrics to the proxy's",
    ),
    annotation("prometheus.istio.io/secure-port", Values::Number, "sets the mTLS port of the merged metrics"),
    annotation(PROXY_CONFIG_ANNOTATION, Values::ProxyConfig, "overrides the configuration of the proxy"),
    annotation(OVERRIDES_ANNOTATION, Values::Any, "changes Istio's own containers")
        .written_by(Writer::Injector, Values::None)
        .judged_by("BH304"),
    annotation(
        "readiness.status.sidecar.istio.io/applicationPorts",
        Values::Ports,
        "lists the ports of the application",
    ),
    annotation(
        "readiness.status.sidecar.istio.io/failureThreshold",
        Values::Number,
        "sets the failure threshold of the proxy's readiness probe",
    ),
    annotation(
        "readiness.status.sidecar.istio.io/initialDelaySeconds",
        Values::Number,
        "sets the initial delay of the proxy's readiness probe",
    ),
    annotation(
        "readiness.status.sidecar.istio.io/periodSeconds",
        Values::Number,
        "sets the period of the proxy's readiness probe",
    ),
    label(TLS_MODE_LABEL, Values::Only(&["istio"]), "tells callers if the pod accepts mTLS"),
    label("service.istio.io/canonical-name", Values::Any, "names the service in telemetry"),
    label("service.istio.io/canonical-revision", Values::Any, "names the service's revision in telemetry"),
    label("service.istio.io/workload-name", Values::Any, "names the workload in telemetry"),
    annotation(
        "sidecar.istio.io/agentLogLevel",
        Values::LogLevels,
        "sets the log levels of the proxy's agent",
    ),
    annotation(
        "sidecar.istio.io/bootstrapOverride",
        Values::None,
        "replaces Envoy's bootstrap configuration",
    ),
    annotation(
        "sidecar.istio.io/capNetBindService",
        Values::Only(&["false"]),
        "adds a capability to the proxy's container",
    ),
    annotation(
        "sidecar.istio.io/componentLogLevel",
        Values::LogLevels,
        "sets the log levels of Envoy's parts",
    ),
    annotation(
        "sidecar.istio.io/discoveryAddress",
        Values::None,
        "connects the proxy to another control plane",
    ),
    annotation("sidecar.istio.io/extraStatTags", Values::StatsTags, "adds tags to the proxy's metrics"),
    Row::both(Objects::Pods, INJECT_KEY, "turns the injection of the sidecar on or off")
        .written_by(Writer::Anyone, Values::Only(&["true"]))
        .judged_by("BH302")
        .see("https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/"),
    annotation(
        "sidecar.istio.io/interceptionMode",
        Values::Only(&["REDIRECT"]),
        "sets the redirection of inbound connections",
    ),
    annotation("sidecar.istio.io/logLevel", Values::LogLevels, "sets the log level of Envoy"),
    annotation(
        NATIVE_SIDECAR_ANNOTATION,
        Values::Bool,
        "makes the proxy start before the init containers, or not",
    ),
    annotation(PROXY_CPU_ANNOTATION, Values::Quantity, "sets the proxy's CPU request"),
    annotation("sidecar.istio.io/proxyCPULimit", Values::Quantity, "sets the proxy's CPU limit"),
    annotation("sidecar.istio.io/proxyImage", Values::None, "replaces the proxy's image"),
    annotation(
        "sidecar.istio.io/proxyImageType",
        Values::Only(&["distroless"]),
        "selects a variant of the proxy's image",
    ),
    annotation("sidecar.istio.io/proxyMemory", Values::Quantity, "sets the proxy's memory request"),
    annotation("sidecar.istio.io/proxyMemoryLimit", Values::Quantity, "sets the proxy's memory limit"),
    annotation(
        "sidecar.istio.io/rewriteAppHTTPProbers",
        Values::Only(&["true"]),
        "redirects the application's probes to the proxy",
    ),
    annotation(
        "sidecar.istio.io/statsCompression",
        Values::Only(&["brotli", "gzip", "zstd", "true", "false"]),
        "sets the compression of the proxy's metrics",
    ),
    annotation("sidecar.istio.io/statsEvictionInterval", Values::Duration, "sets when unused metrics expire"),
    annotation("sidecar.istio.io/statsFlushInterval", Values::Duration, "sets how often metrics are sent"),
    annotation("sidecar.istio.io/statsHistogramBins", Values::Number, "sets the bins of a histogram"),
    annotation(
        "sidecar.istio.io/statsHistogramBuckets",
        Values::StatsBuckets,
        "sets the buckets of histograms",
    ),
    annotation(
        "sidecar.istio.io/statsInclusionPrefixes",
        Values::StatsPatterns,
        "selects metrics by their prefix",
    ),
    annotation(
        "sidecar.istio.io/statsInclusionRegexps",
        Values::StatsPatterns,
        "selects metrics by patterns",
    ),
    annotation(
        "sidecar.istio.io/statsInclusionSuffixes",
        Values::StatsPatterns,
        "selects metrics by their suffix",
    ),
    annotation(STATUS_ANNOTATION, Values::Any, "marks the pod as injected")
        .written_by(Writer::Injector, Values::None)
        .judged_by("BH304"),
    annotation("sidecar.istio.io/userVolume", Values::None, "adds volumes to the pod"),
    annotation("sidecar.istio.io/userVolumeMount", Values::None, "adds mounts to the proxy's container"),
    annotation("status.sidecar.istio.io/port", Values::Only(&["15020"]), "sets the proxy's health port"),
    label("topology.istio.io/cluster", Values::None, "places the pod in another cluster of the mesh"),
    label("topology.istio.io/locality", Values::Name, "places the pod in a region and a zone"),
    label(NETWORK_LABEL, Values::None, "places the pod in another network of the mesh")
        .written_by(Writer::Injector, Values::None),
    annotation(
        "traffic.sidecar.istio.io/excludeInboundPorts",
        Values::MeshPorts,
        "excludes inbound ports from redirection to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/excludeInterfaces",
        Values::None,
        "excludes interfaces from redirection to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/excludeOutboundIPRanges",
        Values::Only(&[""]),
        "excludes destination addresses from redirection to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/excludeOutboundPorts",
        Values::Only(&[""]),
        "excludes outbound ports from redirection to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/includeInboundPorts",
        Values::Only(&["*"]),
        "selects the inbound ports that are redirected to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/includeOutboundIPRanges",
        Values::Only(&["*"]),
        "selects the destination addresses that are redirected to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/includeOutboundPorts",
        Values::Ports,
        "adds outbound ports that are redirected to the proxy",
    ),
    annotation(
        "traffic.sidecar.istio.io/kubevirtInterfaces",
        Values::None,
        "treats inbound traffic of virtual interfaces as outbound",
    ),
    network("v1.multus-cni.io", "replaces the network of the pod"),
    network("vpc.amazonaws.com", "sets the addresses of the pod"),
];

/// The keys of a network plugin.
const fn network(domain: &'static str, effect: &'static str) -> Row {
    Row::domain(Objects::Pods, domain, effect)
        .judged_by("BH313")
        .see("https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/")
}

const fn label(key: &'static str, values: Values, effect: &'static str) -> Row {
    with_values(Row::label(Objects::Pods, key, effect), values).see(ISTIO_LABELS)
}

const fn annotation(key: &'static str, values: Values, effect: &'static str) -> Row {
    with_values(Row::annotation(Objects::Pods, key, effect), values).see(ISTIO_ANNOTATIONS)
}

const fn with_values(row: Row, values: Values) -> Row {
    match values {
        Values::Any => row.written_by(Writer::Anyone, values),
        Values::None => row.judged_by("BH303"),
        _ => row.written_by(Writer::Anyone, values).judged_by("BH303"),
    }
}
