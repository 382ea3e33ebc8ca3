use super::Operation::{self, Connect, Create, Delete, Update};
use super::WebhookEntry::{self, Cluster, Identities, Namespaces, Policies, Services, Shared, Workloads};

/// The API group of Bulkhead's own kinds.
pub const OWN_GROUP: &str = "bulkhead.dev";

/// The API groups of Istio's kinds. Objects in the mesh's root namespace configure every proxy.
pub const MESH_GROUPS: [&str; 4] =
    ["extensions.istio.io", "networking.istio.io", "security.istio.io", "telemetry.istio.io"];
/// The one resource of these groups that istiod writes.
pub const WORKLOAD_ENTRIES: &str = "workloadentries";

const WRITES: &[Operation] = &[Create, Update];
const WRITES_AND_DELETES: &[Operation] = &[Create, Update, Delete];

const TEMPLATE: &[&str] = &["spec", "template"];
const JOB_TEMPLATE: &[&str] = &["spec", "jobTemplate", "spec", "template"];

/// Defines [`Kind`] with a row for each of its values.
macro_rules! kinds {
    ($($kind:ident: $row:expr,)*) => {
        /// A kind of objects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($kind,)*
            /// Any kind, where rules judge only the user and the namespace, and read no object.
            Unread,
        }

        impl Kind {
            /// Every kind of the table.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            pub(super) const fn row(self) -> &'static Row {
                match self {
                    $(Self::$kind => {
                        static ROW: Row = $row.named(stringify!($kind));
                        &ROW
                    })*
                    Self::Unread => {
                        static ROW: Row = Row::judged(Shared, "", "", "", &[]).named("Unread");
                        &ROW
                    }
                }
            }
        }
    };
}

kinds! {
    Namespace: Row::judged(Namespaces, "", "v1", "namespaces", WRITES_AND_DELETES).cluster_scoped().compared().subresources(&[
        Subresource::new("finalize", Kind::Namespace, &[Update]),
        Subresource::new("status", Kind::Namespace, &[Update]),
    ]),

    Binding: Row::judged(Workloads, "", "v1", "bindings", &[Create]),
    Pod: Row::judged(Workloads, "", "v1", "pods", WRITES).template(&[]).subresources(&[
        Subresource::new("attach", Kind::PodAttachOptions, &[Connect]),
        Subresource::new("binding", Kind::Binding, &[Create]),
        Subresource::new("ephemeralcontainers", Kind::Pod, &[Update]),
        Subresource::new("exec", Kind::PodExecOptions, &[Connect]),
        Subresource::new("proxy", Kind::PodProxyOptions, &[Connect]),
        Subresource::new("resize", Kind::Pod, &[Update]),
        Subresource::new("status", Kind::Pod, &[Update]),
    ]),
    // The API server makes these of the parameters of a request to a pod.
    PodExecOptions: Row::judged(Workloads, "", "v1", "", &[]),
    PodAttachOptions: Row::judged(Workloads, "", "v1", "", &[]),
    PodProxyOptions: Row::judged(Workloads, "", "v1", "", &[]),
    PodTemplate: Row::judged(Workloads, "", "v1", "podtemplates", WRITES).template(&["template"]),
    ReplicationController: Row::judged(Workloads, "", "v1", "replicationcontrollers", WRITES).template(TEMPLATE),
    DaemonSet: Row::judged(Workloads, "apps", "v1", "daemonsets", WRITES).template(TEMPLATE),
    Deployment: Row::judged(Workloads, "apps", "v1", "deployments", WRITES).template(TEMPLATE),
    ReplicaSet: Row::judged(Workloads, "apps", "v1", "replicasets", WRITES).template(TEMPLATE),
    StatefulSet: Row::judged(Workloads, "apps", "v1", "statefulsets", WRITES).template(TEMPLATE),
    CronJob: Row::judged(Workloads, "batch", "v1", "cronjobs", WRITES).template(JOB_TEMPLATE),
    Job: Row::judged(Workloads, "batch", "v1", "jobs", WRITES).template(TEMPLATE),

    PersistentVolumeClaim: Row::judged(Workloads, "", "v1", "persistentvolumeclaims", WRITES).unaudited(),

    ConfigMap: Row::judged(Identities, "", "v1", "configmaps", WRITES).unaudited(),
    Secret: Row::judged(Identities, "", "v1", "secrets", WRITES).compared(),
    // Written only as a subresource of ServiceAccounts.
    TokenRequest: Row::judged(Identities, "authentication.k8s.io", "v1", "", &[]),

    Service: Row::judged(Services, "", "v1", "services", WRITES).subresources(&[
        Subresource::new("proxy", Kind::ServiceProxyOptions, &[Connect]),
        Subresource::new("status", Kind::Service, &[Update]),
    ]),
    ServiceProxyOptions: Row::judged(Services, "", "v1", "", &[]),
    // A stored object does not show if one of Kubernetes' controllers wrote it.
    Endpoints: Row::judged(Services, "", "v1", "endpoints", WRITES).unaudited(),
    EndpointSlice: Row::judged(Services, "discovery.k8s.io", "v1", "endpointslices", WRITES).unaudited(),

    CertificateSigningRequest:
        Row::judged(Cluster, "certificates.k8s.io", "v1", "certificatesigningrequests", &[Create])
            .cluster_scoped()
            .unaudited(),

    VirtualService: Row::judged(Policies, "networking.istio.io", "v1", "virtualservices", WRITES),
    DestinationRule: Row::judged(Policies, "networking.istio.io", "v1", "destinationrules", WRITES),
    Gateway: Row::judged(Policies, "networking.istio.io", "v1", "gateways", WRITES),
    RequestAuthentication: Row::judged(Policies, "security.istio.io", "v1", "requestauthentications", WRITES),
    WorkloadEntry: Row::judged(Policies, "networking.istio.io", "v1", WORKLOAD_ENTRIES, WRITES),
    WorkloadGroup: Row::judged(Policies, "networking.istio.io", "v1", "workloadgroups", WRITES),
    WasmPlugin: Row::judged(Policies, "extensions.istio.io", "v1alpha1", "wasmplugins", WRITES),
    TrafficExtension: Row::judged(Policies, "extensions.istio.io", "v1alpha1", "trafficextensions", WRITES),
    ProxyConfig: Row::judged(Policies, "networking.istio.io", "v1beta1", "proxyconfigs", WRITES),

    Ingress: Row::judged(Policies, "networking.k8s.io", "v1", "ingresses", WRITES),
    HttpRoute: gateway_api("HTTPRoute", "httproutes"),
    GrpcRoute: gateway_api("GRPCRoute", "grpcroutes"),
    TlsRoute: gateway_api("TLSRoute", "tlsroutes"),
    TcpRoute: gateway_api("TCPRoute", "tcproutes"),
    UdpRoute: gateway_api("UDPRoute", "udproutes"),
    ListenerSet: gateway_api("ListenerSet", "listenersets"),
    BackendTlsPolicy: gateway_api("BackendTLSPolicy", "backendtlspolicies"),
    ReferenceGrant: gateway_api("ReferenceGrant", "referencegrants"),

    // The other kinds of this group are in the settings, which reserve some of them for the platform.
    ServiceMonitor: Row::judged(Policies, "monitoring.coreos.com", "v1", "servicemonitors", WRITES),
    PodMonitor: Row::judged(Policies, "monitoring.coreos.com", "v1", "podmonitors", WRITES),

    Tenant: own_kind("tenants", &[Subresource::new("status", Kind::Tenant, &[Update])]).compared(),
    SharedService: own_kind("sharedservices", &[Subresource::new("status", Kind::SharedService, &[Update])]),
    Exemption: own_kind("exemptions", &[Subresource::new("status", Kind::Exemption, &[Update])]),

    NetworkPolicy: baseline_policy("networking.k8s.io", "v1", "networkpolicies"),
    AuthorizationPolicy: baseline_policy("security.istio.io", "v1", "authorizationpolicies"),
    PeerAuthentication: baseline_policy("security.istio.io", "v1", "peerauthentications"),
    Sidecar: baseline_policy("networking.istio.io", "v1", "sidecars"),
    ServiceEntry: baseline_policy("networking.istio.io", "v1", "serviceentries"),
    Telemetry: baseline_policy("telemetry.istio.io", "v1", "telemetries"),
    EnvoyFilter: baseline_policy("networking.istio.io", "v1alpha3", "envoyfilters"),
    // The baseline has waypoints of shared services.
    KubernetesGateway: baseline_policy("gateway.networking.k8s.io", "v1", "gateways").any_version().named("Gateway"),
    ResourceQuota: baseline_policy("", "v1", "resourcequotas").subresources(&[
        Subresource::new("status", Kind::ResourceQuota, &[Update]),
    ]),
    LimitRange: baseline_policy("", "v1", "limitranges"),
    ServiceAccount: Row::judged(Identities, "", "v1", "serviceaccounts", WRITES_AND_DELETES)
        .managed(Managed::SomeFields)
        .compared()
        .subresources(&[Subresource::new("token", Kind::TokenRequest, &[Create])]),
    RoleBinding: baseline_policy("rbac.authorization.k8s.io", "v1", "rolebindings"),
    ClusterRole: Row::written("rbac.authorization.k8s.io", "v1", "clusterroles"),
    ClusterRoleBinding: Row::written("rbac.authorization.k8s.io", "v1", "clusterrolebindings"),
    PriorityLevelConfiguration:
        Row::written("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations"),
    FlowSchema: Row::written("flowcontrol.apiserver.k8s.io", "v1", "flowschemas"),
    // Calico's policies, as its own API server serves them, and as a CRD.
    GlobalNetworkPolicy: Row::written("projectcalico.org", "v3", "globalnetworkpolicies"),
    GlobalNetworkPolicyCrd:
        Row::written("crd.projectcalico.org", "v1", "globalnetworkpolicies").named("GlobalNetworkPolicy"),
    CiliumClusterwideNetworkPolicy: Row::written("cilium.io", "v2", "ciliumclusterwidenetworkpolicies"),
    // SIG Network's admin network policies: the first kind, and the one that replaces it.
    AdminNetworkPolicy: Row::written("policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies"),
    ClusterNetworkPolicy: Row::written("policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies"),
}

/// A kind of Bulkhead's own.
const fn own_kind(plural: &'static str, subresources: &'static [Subresource]) -> Row {
    Row::judged(Cluster, OWN_GROUP, "v1alpha1", plural, WRITES_AND_DELETES)
        .cluster_scoped()
        .subresources(subresources)
}

/// A kind of policies in tenants' namespaces that the baseline has objects of.
const fn baseline_policy(group: &'static str, version: &'static str, plural: &'static str) -> Row {
    Row::judged(Policies, group, version, plural, WRITES_AND_DELETES).managed(Managed::WholeObject).compared()
}

/// A kind of the Gateway API.
const fn gateway_api(name: &'static str, plural: &'static str) -> Row {
    Row::judged(Policies, "gateway.networking.k8s.io", "v1", plural, WRITES).any_version().named(name)
}

/// Everything that follows from the kind of an object alone.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) scope: Scope,
    pub(super) entry: Option<WebhookEntry>,
    pub(super) operations: &'static [Operation],
    pub(super) subresources: &'static [Subresource],
    pub(super) template: Option<&'static [&'static str]>,
    pub(super) managed: Managed,
    pub(super) compared: bool,
    pub(super) audited: bool,
    pub(super) any_version: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

/// The part of the objects of a kind that the baseline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// The baseline has no objects of this kind.
    No,
    /// Others write fields of the object too: only the fields in the manifest are Bulkhead's.
    SomeFields,
    WholeObject,
}

/// A subresource that changes labels, annotations or containers, with the kind of the objects that are written to it.
#[derive(Debug)]
pub(super) struct Subresource {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) operations: &'static [Operation],
}

impl Row {
    /// A namespaced kind that rules judge.
    pub(super) const fn judged(
        entry: WebhookEntry,
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        operations: &'static [Operation],
    ) -> Self {
        Self {
            name: "",
            group,
            version,
            plural,
            scope: Scope::Namespaced,
            entry: Some(entry),
            operations,
            subresources: &[],
            template: None,
            managed: Managed::No,
            compared: false,
            audited: true,
            any_version: false,
        }
    }

    /// A cluster-scoped kind that the baseline has objects of, and no rule judges.
    pub(super) const fn written(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { entry: None, ..Self::judged(WebhookEntry::Cluster, group, version, plural, &[]) }
            .cluster_scoped()
            .managed(Managed::WholeObject)
    }

    pub(super) const fn cluster_scoped(self) -> Self {
        Self { scope: Scope::Cluster, ..self }
    }

    pub(super) const fn subresources(self, subresources: &'static [Subresource]) -> Self {
        Self { subresources, ..self }
    }

    pub(super) const fn template(self, path: &'static [&'static str]) -> Self {
        Self { template: Some(path), ..self }
    }

    pub(super) const fn managed(self, managed: Managed) -> Self {
        Self { managed, ..self }
    }

    /// Some rule compares an object with its version before an update.
    pub(super) const fn compared(self) -> Self {
        Self { compared: true, ..self }
    }

    /// A stored object does not show what rules judge, such as its author.
    pub(super) const fn unaudited(self) -> Self {
        Self { audited: false, ..self }
    }

    /// A cluster may serve other versions alone, and the API server converts to none that it does not serve.
    pub(super) const fn any_version(self) -> Self {
        Self { any_version: true, ..self }
    }

    pub(super) const fn named(self, name: &'static str) -> Self {
        if self.name.is_empty() { Self { name, ..self } } else { self }
    }
}

impl Subresource {
    pub(super) const fn new(name: &'static str, kind: Kind, operations: &'static [Operation]) -> Self {
        Self { name, kind, operations }
    }
}
