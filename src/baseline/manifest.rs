use serde_json::{Value, json};

use super::{Object, Place};

/// The label of everything Bulkhead's controller writes; it watches what carries it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "bulkhead");

/// The kinds of the baseline's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    NetworkPolicy,
    AuthorizationPolicy,
    PeerAuthentication,
    Sidecar,
    RoleBinding,
    ClusterRole,
    ClusterRoleBinding,
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::NetworkPolicy,
        Self::AuthorizationPolicy,
        Self::PeerAuthentication,
        Self::Sidecar,
        Self::RoleBinding,
        Self::ClusterRole,
        Self::ClusterRoleBinding,
    ];

    pub const fn group(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "networking.k8s.io",
            Self::AuthorizationPolicy | Self::PeerAuthentication => "security.istio.io",
            Self::Sidecar => "networking.istio.io",
            Self::RoleBinding | Self::ClusterRole | Self::ClusterRoleBinding => "rbac.authorization.k8s.io",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "NetworkPolicy",
            Self::AuthorizationPolicy => "AuthorizationPolicy",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::Sidecar => "Sidecar",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// As the API server names the resource.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "networkpolicies",
            Self::AuthorizationPolicy => "authorizationpolicies",
            Self::PeerAuthentication => "peerauthentications",
            Self::Sidecar => "sidecars",
            Self::RoleBinding => "rolebindings",
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
        }
    }

    /// The one version it is written and judged in.
    pub const VERSION: &str = "v1";
}

/// An object that must be there, whole.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub kind: Kind,
    /// `None` for an object of the cluster.
    pub namespace: Option<String>,
    pub name: String,
    /// As it is sent to the API server.
    pub object: Value,
}

impl Object {
    pub(super) fn manifest(&self, place: Place<'_>) -> Manifest {
        let (key, value) = MANAGED_BY;
        let mut object = json!({
            "apiVersion": format!("{}/{}", self.kind.group(), Kind::VERSION),
            "kind": self.kind.name(),
            "metadata": { "name": self.name, "namespace": place.namespace, "labels": { key: value } },
        });
        if let (Value::Object(object), Value::Object(body)) = (&mut object, (self.body)(place)) {
            object.extend(body);
        }
        Manifest {
            kind: self.kind,
            namespace: Some(place.namespace.to_owned()),
            name: self.name.to_owned(),
            object,
        }
    }
}
