use serde_json::{Map, Value, json};

use super::NAME_PREFIX;
use crate::settings::{Calico, Settings};

/// The label of everything Bulkhead's controller writes; it watches what carries it.
pub const MANAGED_BY_LABEL: (&str, &str) = ("app.kubernetes.io/managed-by", "bulkhead");

/// Whether the object carries that label.
pub fn is_managed(object: &Value) -> bool {
    let (key, value) = MANAGED_BY_LABEL;
    object.pointer("/metadata/labels").and_then(|labels| labels.get(key)?.as_str()) == Some(value)
}

/// The kinds of the baseline's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    NetworkPolicy,
    AuthorizationPolicy,
    PeerAuthentication,
    Sidecar,
    ServiceEntry,
    Telemetry,
    EnvoyFilter,
    ResourceQuota,
    LimitRange,
    ServiceAccount,
    RoleBinding,
    ClusterRole,
    ClusterRoleBinding,
    PriorityLevelConfiguration,
    FlowSchema,
    GlobalNetworkPolicy(Calico),
}

/// The kinds that Bulkhead writes in a cluster with these settings: what is not declared need not be served.
pub fn kinds(settings: &Settings) -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(|kind| match kind {
        Kind::GlobalNetworkPolicy(calico) => settings.calico == Some(*calico),
        _ => true,
    })
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::NetworkPolicy,
        Self::AuthorizationPolicy,
        Self::PeerAuthentication,
        Self::Sidecar,
        Self::ServiceEntry,
        Self::Telemetry,
        Self::EnvoyFilter,
        Self::ResourceQuota,
        Self::LimitRange,
        Self::ServiceAccount,
        Self::RoleBinding,
        Self::ClusterRole,
        Self::ClusterRoleBinding,
        Self::PriorityLevelConfiguration,
        Self::FlowSchema,
        Self::GlobalNetworkPolicy(Calico::ApiServer),
        Self::GlobalNetworkPolicy(Calico::Crd),
    ];

    pub const fn group(self) -> &'static str {
        match self {
            Self::ResourceQuota | Self::LimitRange | Self::ServiceAccount => "",
            Self::NetworkPolicy => "networking.k8s.io",
            Self::AuthorizationPolicy | Self::PeerAuthentication => "security.istio.io",
            Self::Sidecar | Self::ServiceEntry | Self::EnvoyFilter => "networking.istio.io",
            Self::Telemetry => "telemetry.istio.io",
            Self::RoleBinding | Self::ClusterRole | Self::ClusterRoleBinding => "rbac.authorization.k8s.io",
            Self::PriorityLevelConfiguration | Self::FlowSchema => "flowcontrol.apiserver.k8s.io",
            Self::GlobalNetworkPolicy(Calico::ApiServer) => "projectcalico.org",
            Self::GlobalNetworkPolicy(Calico::Crd) => "crd.projectcalico.org",
        }
    }

    /// The one version it is written and judged in.
    pub const fn version(self) -> &'static str {
        match self {
            Self::EnvoyFilter => "v1alpha3",
            Self::GlobalNetworkPolicy(Calico::ApiServer) => "v3",
            _ => "v1",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "NetworkPolicy",
            Self::AuthorizationPolicy => "AuthorizationPolicy",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::Sidecar => "Sidecar",
            Self::ServiceEntry => "ServiceEntry",
            Self::Telemetry => "Telemetry",
            Self::EnvoyFilter => "EnvoyFilter",
            Self::ResourceQuota => "ResourceQuota",
            Self::LimitRange => "LimitRange",
            Self::ServiceAccount => "ServiceAccount",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::PriorityLevelConfiguration => "PriorityLevelConfiguration",
            Self::FlowSchema => "FlowSchema",
            Self::GlobalNetworkPolicy(_) => "GlobalNetworkPolicy",
        }
    }

    /// As the API server names the resource.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "networkpolicies",
            Self::AuthorizationPolicy => "authorizationpolicies",
            Self::PeerAuthentication => "peerauthentications",
            Self::Sidecar => "sidecars",
            Self::ServiceEntry => "serviceentries",
            Self::Telemetry => "telemetries",
            Self::EnvoyFilter => "envoyfilters",
            Self::ResourceQuota => "resourcequotas",
            Self::LimitRange => "limitranges",
            Self::ServiceAccount => "serviceaccounts",
            Self::RoleBinding => "rolebindings",
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::PriorityLevelConfiguration => "prioritylevelconfigurations",
            Self::FlowSchema => "flowschemas",
            Self::GlobalNetworkPolicy(_) => "globalnetworkpolicies",
        }
    }

    /// `GROUP/VERSION`, as an object says it.
    pub fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    /// Whether it says amounts, which have more than one spelling.
    pub(super) const fn has_quantities(self) -> bool {
        matches!(self, Self::ResourceQuota | Self::LimitRange)
    }

    /// Whether others have a part in the object: only the fields of the baseline are Bulkhead's.
    pub const fn is_partly_managed(self) -> bool {
        matches!(self, Self::ServiceAccount)
    }
}

/// An object that must be there: whole, or those of its fields that are here.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub kind: Kind,
    /// `None` for an object of the cluster.
    pub namespace: Option<String>,
    pub name: String,
    /// As it is sent to the API server.
    pub object: Value,
}

impl Manifest {
    /// The object of which `body` is all there is but its kind, its name and the label of what Bulkhead writes.
    pub(super) fn new(kind: Kind, namespace: Option<&str>, name: String, body: Value) -> Self {
        let (key, value) = MANAGED_BY_LABEL;
        let mut metadata = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
        metadata.extend(namespace.map(|namespace| ("namespace".to_owned(), namespace.into())));
        if !kind.is_partly_managed() {
            metadata.insert("labels".to_owned(), json!({ key: value }));
        }
        let mut object = json!({ "apiVersion": kind.api_version(), "kind": kind.name() });
        if let (Value::Object(object), Value::Object(mut body)) = (&mut object, body) {
            if let Some(Value::Object(more)) = body.remove("metadata") {
                metadata.extend(more);
            }
            object.insert("metadata".to_owned(), metadata.into());
            object.extend(body);
        }
        Self { kind, namespace: namespace.map(str::to_owned), name, object }
    }
}

/// A place where objects stand.
pub(super) trait Site: Copy {
    /// `None` for objects of the cluster.
    fn namespace(&self) -> Option<&str>;

    /// The name there of an object that is called `name` among its kin.
    fn name(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// An object of the baseline, wherever it stands.
pub(super) struct Object<S> {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) body: Body<S>,
}

/// What there is of an object but its metadata.
pub(super) enum Body<S> {
    Always(fn(S) -> Value),
    /// Only where there is something to say.
    Optional(fn(S) -> Option<Value>),
    /// As many as there are things to say it of: what its name ends with, and the rest.
    Many(fn(S) -> Vec<(String, Value)>),
}

impl<S: Site> Object<S> {
    /// Whether there is at most one, which bears the name as it is.
    pub(super) fn has_fixed_name(&self) -> bool {
        !matches!(self.body, Body::Many(_))
    }

    pub(super) fn manifests(&self, site: S) -> Vec<Manifest> {
        let manifest = |name: String, body| Manifest::new(self.kind, site.namespace(), name, body);
        match self.body {
            Body::Always(body) => vec![manifest(site.name(self.name), body(site))],
            Body::Optional(body) => {
                body(site).map(|body| manifest(site.name(self.name), body)).into_iter().collect()
            }
            Body::Many(bodies) => {
                let name = |end: &str| format!("{NAME_PREFIX}{}-{end}", self.name);
                bodies(site).into_iter().map(|(end, body)| manifest(name(&end), body)).collect()
            }
        }
    }
}
