//! Manifests, and the definitions of baseline objects from which they are computed.

use serde_json::{Map, Value, json};

use crate::keys::MANAGED_BY_LABEL;
use crate::kinds::Kind;
use crate::settings::{AdminPolicyKind, Calico, Dataplane, Settings};

/// Prefix of names where there can be several objects, or where others write in the same place.
pub const NAME_PREFIX: &str = "bulkhead-";

/// True if the object has that label.
pub fn is_managed(object: &Value) -> bool {
    let (key, value) = MANAGED_BY_LABEL;
    object.pointer("/metadata/labels").and_then(|labels| labels.get(key)?.as_str()) == Some(value)
}

/// Returns the kinds that Bulkhead writes in a cluster with these settings. Other kinds need not be served.
pub fn kinds(settings: &Settings) -> impl Iterator<Item = Kind> {
    Kind::all_managed().filter(|kind| match kind {
        Kind::GlobalNetworkPolicy => settings.calico == Some(Calico::ApiServer),
        Kind::GlobalNetworkPolicyCrd => settings.calico == Some(Calico::Crd),
        Kind::CiliumClusterwideNetworkPolicy => settings.cilium,
        Kind::AdminNetworkPolicy => {
            settings.admin_network_policy == Some(AdminPolicyKind::AdminNetworkPolicy)
        }
        Kind::ClusterNetworkPolicy => {
            settings.admin_network_policy == Some(AdminPolicyKind::ClusterNetworkPolicy)
        }
        Kind::KubernetesGateway => settings.dataplane == Dataplane::Ambient,
        _ => true,
    })
}

/// An object that must exist: all of it, or those of its fields that are given here.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub kind: Kind,
    /// `None` for a cluster-scoped object.
    pub namespace: Option<String>,
    pub name: String,
    /// The object as sent to the API server.
    pub object: Value,
}

impl Manifest {
    /// Builds an object from `body`, its kind and its name, with the managed-by label unless others write the
    /// object too.
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

/// Input from which objects are computed: a namespace, a tenant, a shared service or the cluster.
pub(super) trait Site: Copy {
    /// Returns the namespace of the objects; `None` for cluster-scoped ones.
    fn namespace(&self) -> Option<&str>;

    /// Returns the full name of the object that is defined as `name`.
    fn name(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// Definition of a baseline object.
pub(super) struct Object<S> {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) body: Body<S>,
}

/// Content of an object without its kind and name.
pub(super) enum Body<S> {
    Always(fn(S) -> Value),
    /// No object if the function returns `None`.
    Optional(fn(S) -> Option<Value>),
    /// Any number of objects: the end of each name, and the content.
    Many(fn(S) -> Vec<(String, Value)>),
}

impl<S: Site> Object<S> {
    /// True if there is at most one such object, so that its name is fixed.
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
