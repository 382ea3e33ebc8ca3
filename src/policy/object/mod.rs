//! Borrowed, typed views of the objects that rules judge, one file for each shape. A view holds only the fields that
//! some rule reads, and returns every value with its path. Judging the values is the rules' work.

mod authorization_policy;
mod baseline_object;
mod certificate_request;
mod connection;
mod container;
mod destination_rule;
mod endpoints;
mod error;
mod gateway;
mod ingress;
mod kubernetes_gateway;
mod limit_range;
mod metadata;
mod monitor;
mod namespace;
mod network_policy;
mod owner_info;
mod path;
mod peer_authentication;
mod policy;
mod request_authentication;
mod role_binding;
mod route;
mod selector;
mod service_entry;
mod sidecar;
mod status_addresses;
mod telemetry;
mod tenant;
mod text;
mod token;
mod typed_object;
mod values_at;
mod virtual_service;
mod volume;
mod workload;

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use super::fields::Found;
use crate::kinds::Kind;
use baseline_object::{is_baseline_name, read_baseline_object};

pub use authorization_policy::{AuthorizationPolicy, Caller, CallerForm};
pub use certificate_request::{CertificateNames, CertificateRequest, KUBELET_SIGNERS};
pub use connection::Connection;
pub use container::{Container, VolumeMount};
pub use destination_rule::DestinationRule;
pub use endpoints::{EndpointPort, Endpoints};
pub use error::ObjectError;
pub use gateway::Gateway;
pub use ingress::Ingress;
pub use kubernetes_gateway::KubernetesGateway;
pub use limit_range::LimitRange;
pub use metadata::{Metadata, MetadataAt};
pub use monitor::{Monitor, Relabeling};
pub use namespace::NamespaceView;
pub use network_policy::{Direction, NetworkPolicy, Peer, TrafficRule};
pub use owner_info::{ControllerRef, OwnerInfo};
pub(super) use path::Segment;
pub use path::{Located, Path};
pub use peer_authentication::PeerAuthentication;
pub use policy::{Policy, Spec};
pub use request_authentication::RequestAuthentication;
pub use role_binding::{BoundSubject, RoleBinding};
pub use route::{Reference, Route};
pub use selector::{Selector, UnreadSelector, WorkloadSelector};
pub use service_entry::ServiceEntry;
pub use sidecar::{Listener, Sidecar};
pub use status_addresses::{POD_ADDRESSES, SERVICE_ADDRESSES, changed_addresses};
pub use telemetry::Telemetry;
pub use tenant::TenantView;
pub(super) use text::nullable;
pub use text::{JsonStr, MetadataMap, MetadataValue, StringMap};
pub use token::{Secret, TokenRequest};
pub(super) use typed_object::TypedObject;
pub(super) use values_at::values_at;
pub use virtual_service::{MESH, VirtualService};
pub use volume::Volume;
pub(super) use workload::template;
pub use workload::{ContainerAt, ContainerKind, Stage, Toleration, Workload};

/// A parsed object.
#[derive(Debug)]
pub enum Object<'a> {
    Namespace(NamespaceView<'a>),
    /// A pod, or an object with a pod template.
    Workload(Workload<'a>),
    /// The options of a connection to a pod.
    Connection(Connection<'a>),
    /// A Binding, whose annotations and labels are copied to the pod that it binds.
    Binding(Metadata<'a>),
    /// A service account; the second field is the whole object if it has the name of a baseline object.
    ServiceAccount(Metadata<'a>, Option<serde_json::Value>),
    TokenRequest(Metadata<'a>, TokenRequest<'a>),
    CertificateRequest(CertificateRequest<'a>),
    Secret(Secret<'a>),
    ConfigMap(Metadata<'a>),
    Service(Metadata<'a>),
    /// An Endpoints or an EndpointSlice.
    Endpoints(Endpoints<'a>),
    VirtualService(Metadata<'a>, VirtualService<'a>),
    DestinationRule(Metadata<'a>, DestinationRule<'a>),
    Gateway(Metadata<'a>, Gateway<'a>),
    RequestAuthentication(Metadata<'a>, RequestAuthentication<'a>),
    Ingress(Metadata<'a>, Ingress),
    /// A route of the Gateway API.
    Route(Metadata<'a>, Route<'a>),
    /// A ServiceMonitor or a PodMonitor.
    Monitor(Metadata<'a>, Monitor<'a>),
    Tenant(Box<TenantView<'a>>),
    SharedService(Metadata<'a>),
    /// An object of a kind that is judged only by the user who writes it.
    Opaque,
    Policy(Policy<'a>),
}

impl<'a> Object<'a> {
    /// Parses `raw` as the announced `kind`, and fails if it is of another kind. `stage` applies to pods. Adds to
    /// `found` what the kind's table of fields says of the object.
    pub fn read(
        kind: Kind,
        raw: &'a RawValue,
        stage: Stage,
        found: &mut Found<'a>,
    ) -> Result<Self, ObjectError> {
        Ok(match kind {
            Kind::Namespace => Self::Namespace(NamespaceView::read(
                TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata,
                raw,
            )?),
            Kind::Binding => Self::Binding(TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata),
            Kind::PodExecOptions
            | Kind::PodAttachOptions
            | Kind::PodProxyOptions
            | Kind::ServiceProxyOptions => {
                TypedObject::<IgnoredAny>::read(kind, raw, found)?;
                Self::Connection(serde_json::from_str(raw.get())?)
            }
            Kind::ServiceAccount => {
                let metadata = TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata;
                let object = read_baseline_object(Kind::ServiceAccount, metadata.name.as_deref(), raw)?;
                Self::ServiceAccount(metadata, object)
            }
            Kind::CertificateSigningRequest => {
                let object = TypedObject::read(kind, raw, found)?;
                Self::CertificateRequest(object.spec.unwrap_or_default())
            }
            Kind::Secret => {
                TypedObject::<IgnoredAny>::read(kind, raw, found)?;
                Self::Secret(serde_json::from_str(raw.get())?)
            }
            Kind::ConfigMap => Self::ConfigMap(TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata),
            Kind::Service => Self::Service(TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata),
            Kind::Endpoints | Kind::EndpointSlice => {
                TypedObject::<IgnoredAny>::read(kind, raw, found)?;
                Self::Endpoints(serde_json::from_str(raw.get())?)
            }
            Kind::Tenant => {
                let metadata = TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata;
                Self::Tenant(Box::new(TenantView::read(metadata, raw)?))
            }
            Kind::RoleBinding => Self::Policy(Policy::read_role_binding(raw, found)?),
            Kind::PodTemplate
            | Kind::ReplicationController
            | Kind::DaemonSet
            | Kind::Deployment
            | Kind::ReplicaSet
            | Kind::StatefulSet
            | Kind::CronJob
            | Kind::Job => Self::Workload(Workload::read(kind, raw, stage, found)?),
            Kind::SharedService => {
                Self::SharedService(TypedObject::<IgnoredAny>::read(kind, raw, found)?.metadata)
            }
            Kind::Unread => Self::Opaque,
            Kind::Exemption
            | Kind::PersistentVolumeClaim
            | Kind::WorkloadEntry
            | Kind::WorkloadGroup
            | Kind::ListenerSet
            | Kind::BackendTlsPolicy
            | Kind::ReferenceGrant
            | Kind::WasmPlugin
            | Kind::TrafficExtension
            | Kind::ProxyConfig
            | Kind::ClusterRole
            | Kind::ClusterRoleBinding
            | Kind::PriorityLevelConfiguration
            | Kind::FlowSchema
            | Kind::GlobalNetworkPolicy
            | Kind::GlobalNetworkPolicyCrd
            | Kind::CiliumClusterwideNetworkPolicy
            | Kind::AdminNetworkPolicy
            | Kind::ClusterNetworkPolicy => {
                TypedObject::<IgnoredAny>::read(kind, raw, found)?;
                Self::Opaque
            }
            // A kind that is in no arm is unreadable, and so refused.
            _ => Self::read_in_one_pass(kind, raw, stage, found)?,
        })
    }

    fn read_in_one_pass(
        kind: Kind,
        raw: &'a RawValue,
        stage: Stage,
        found: &mut Found<'a>,
    ) -> Result<Self, ObjectError> {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        let mut object = Self::deserialize(kind, &mut json, stage, found)??;
        if let Self::Policy(policy) = &mut object {
            policy.object = read_baseline_object(kind, policy.metadata.name.as_deref(), raw)?;
        }
        Ok(object)
    }

    /// True for the kinds that [`Self::deserialize`] reads.
    pub const fn is_read_in_one_pass(kind: Kind) -> bool {
        matches!(
            kind,
            Kind::NetworkPolicy
                | Kind::AuthorizationPolicy
                | Kind::PeerAuthentication
                | Kind::Sidecar
                | Kind::ServiceEntry
                | Kind::Telemetry
                | Kind::EnvoyFilter
                | Kind::KubernetesGateway
                | Kind::ResourceQuota
                | Kind::LimitRange
                | Kind::Pod
                | Kind::TokenRequest
                | Kind::VirtualService
                | Kind::DestinationRule
                | Kind::Gateway
                | Kind::RequestAuthentication
                | Kind::Ingress
                | Kind::HttpRoute
                | Kind::GrpcRoute
                | Kind::TlsRoute
                | Kind::TcpRoute
                | Kind::UdpRoute
                | Kind::ServiceMonitor
                | Kind::PodMonitor
        )
    }

    /// Reads an object of a kind of which one view holds all that rules read, and fails for other kinds. The inner result
    /// fails for an object of another kind than the announced one.
    pub fn deserialize<D: Deserializer<'a>>(
        kind: Kind,
        deserializer: D,
        stage: Stage,
        found: &mut Found<'a>,
    ) -> Result<Result<Self, ObjectError>, D::Error> {
        match kind {
            Kind::Pod => Ok(Workload::deserialize_pod(deserializer, stage, found)?.map(Self::Workload)),
            Kind::TokenRequest => with_spec(kind, deserializer, found, Self::TokenRequest),
            Kind::VirtualService => with_spec(kind, deserializer, found, Self::VirtualService),
            Kind::DestinationRule => with_spec(kind, deserializer, found, Self::DestinationRule),
            Kind::Gateway => with_spec(kind, deserializer, found, Self::Gateway),
            Kind::RequestAuthentication => with_spec(kind, deserializer, found, Self::RequestAuthentication),
            Kind::Ingress => with_spec(kind, deserializer, found, Self::Ingress),
            Kind::HttpRoute | Kind::GrpcRoute | Kind::TlsRoute | Kind::TcpRoute | Kind::UdpRoute => {
                with_spec(kind, deserializer, found, Self::Route)
            }
            Kind::ServiceMonitor | Kind::PodMonitor => with_spec(kind, deserializer, found, Self::Monitor),
            _ => Ok(Policy::deserialize(kind, deserializer, found)?.map(Self::Policy)),
        }
    }
}

/// Reads an object with a spec, and makes a view of both.
fn with_spec<'a, S: Deserialize<'a> + Default, D: Deserializer<'a>>(
    kind: Kind,
    deserializer: D,
    found: &mut Found<'a>,
    view: fn(Metadata<'a>, S) -> Object<'a>,
) -> Result<Result<Object<'a>, ObjectError>, D::Error> {
    let object = TypedObject::deserialize_as(kind, deserializer, found)?;
    Ok(object.checked(kind).map(|object| view(object.metadata, object.spec.unwrap_or_default())))
}

/// Paths of fields that objects of every kind have.
impl Object<'_> {
    pub fn kind_path() -> Path<'static> {
        Path::of(&["kind"])
    }

    pub fn metadata_path() -> Path<'static> {
        Path::of(&["metadata"])
    }

    /// Returns the path of an item of a list in the metadata.
    pub fn metadata_item_path(list: &'static str, index: usize) -> Path<'static> {
        Path::of(&["metadata"]).fields(&[list]).index(index)
    }

    pub fn name_path() -> Path<'static> {
        Path::of(&["metadata", "name"])
    }

    pub fn namespace_path() -> Path<'static> {
        Path::of(&["metadata", "namespace"])
    }

    pub fn label_path(key: &str) -> Path<'_> {
        Path::of(&["metadata", "labels"]).key(key)
    }

    pub fn spec_path() -> Path<'static> {
        Path::of(&["spec"])
    }

    /// Returns the path of the node in a Binding.
    pub fn target_path() -> Path<'static> {
        Path::of(&["target"])
    }

    pub fn status_path() -> Path<'static> {
        Path::of(&["status"])
    }
}

impl Object<'_> {
    /// Returns the whole object, if it has the name of a baseline object.
    pub fn baseline(&self) -> Option<&serde_json::Value> {
        match self {
            Self::Policy(policy) => policy.object.as_ref(),
            Self::ServiceAccount(_, baseline) => baseline.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_are_read_in_one_pass_are_listed() {
        for kind in Kind::ALL.iter().copied() {
            let object = format!(r#"{{"apiVersion":"{}","kind":"{}"}}"#, kind.api_version(), kind.name());
            let mut json = serde_json::Deserializer::from_str(&object);
            let read = Object::deserialize(kind, &mut json, Stage::Mutated, &mut Found::default());
            assert_eq!(matches!(read, Ok(Ok(_))), Object::is_read_in_one_pass(kind), "{}", kind.name());
        }
    }
}
