use super::Operation::{Create, Delete, Update};
use super::WebhookEntry::{Cluster, Identities, Namespaces, Policies, Workloads};
use super::row::{Managed, Row, Subresource};

const WRITES: &[super::Operation] = &[Create, Update];
const WRITES_AND_DELETES: &[super::Operation] = &[Create, Update, Delete];

const TEMPLATE: &[&str] = &["spec", "template"];
const JOB_TEMPLATE: &[&str] = &["spec", "jobTemplate", "spec", "template"];

/// Defines [`Kind`] with a row for each of its values.
macro_rules! kinds {
    ($($kind:ident: $row:expr,)*) => {
        /// A kind of objects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($kind,)*
        }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            pub(super) const fn row(self) -> &'static Row {
                match self {
                    $(Self::$kind => {
                        static ROW: Row = $row.named(stringify!($kind));
                        &ROW
                    })*
                }
            }
        }
    };
}

kinds! {
    Namespace: Row::judged(Namespaces, "", "v1", "namespaces", WRITES).cluster_scoped().compared().subresources(&[
        Subresource::new("finalize", Kind::Namespace, &[Update]),
        Subresource::new("status", Kind::Namespace, &[Update]),
    ]),

    Binding: Row::judged(Workloads, "", "v1", "bindings", &[Create]),
    Pod: Row::judged(Workloads, "", "v1", "pods", WRITES).template(&[]).subresources(&[
        Subresource::new("binding", Kind::Binding, &[Create]),
        Subresource::new("ephemeralcontainers", Kind::Pod, &[Update]),
        Subresource::new("resize", Kind::Pod, &[Update]),
        Subresource::new("status", Kind::Pod, &[Update]),
    ]),
    ReplicationController: Row::judged(Workloads, "", "v1", "replicationcontrollers", WRITES).template(TEMPLATE),
    DaemonSet: Row::judged(Workloads, "apps", "v1", "daemonsets", WRITES).template(TEMPLATE),
    Deployment: Row::judged(Workloads, "apps", "v1", "deployments", WRITES).template(TEMPLATE),
    ReplicaSet: Row::judged(Workloads, "apps", "v1", "replicasets", WRITES).template(TEMPLATE),
    StatefulSet: Row::judged(Workloads, "apps", "v1", "statefulsets", WRITES).template(TEMPLATE),
    CronJob: Row::judged(Workloads, "batch", "v1", "cronjobs", WRITES).template(JOB_TEMPLATE),
    Job: Row::judged(Workloads, "batch", "v1", "jobs", WRITES).template(TEMPLATE),

    Secret: Row::judged(Identities, "", "v1", "secrets", WRITES).compared(),
    // Written only as a subresource of ServiceAccounts.
    TokenRequest: Row::judged(Identities, "authentication.k8s.io", "v1", "", &[]),

    VirtualService: Row::judged(Policies, "networking.istio.io", "v1", "virtualservices", WRITES),
    WasmPlugin: Row::judged(Policies, "extensions.istio.io", "v1alpha1", "wasmplugins", WRITES),
    TrafficExtension: Row::judged(Policies, "extensions.istio.io", "v1alpha1", "trafficextensions", WRITES),
    ProxyConfig: Row::judged(Policies, "networking.istio.io", "v1beta1", "proxyconfigs", WRITES),

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
}

/// A kind of Bulkhead's own.
const fn own_kind(plural: &'static str, subresources: &'static [Subresource]) -> Row {
    Row::judged(Cluster, super::OWN_GROUP, "v1alpha1", plural, WRITES_AND_DELETES)
        .cluster_scoped()
        .subresources(subresources)
}

/// A kind of policies in tenants' namespaces that the baseline has objects of.
const fn baseline_policy(group: &'static str, version: &'static str, plural: &'static str) -> Row {
    Row::judged(Policies, group, version, plural, WRITES_AND_DELETES).managed(Managed::WholeObject).compared()
}
