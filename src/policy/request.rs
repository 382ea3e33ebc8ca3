use std::cell::OnceCell;
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::fields::Found;
use super::object::{
    ContainerKind, Located, Metadata, MetadataAt, MetadataValue, NamespaceView, Object, OwnerInfo,
    POD_ADDRESSES, SERVICE_ADDRESSES, Stage, TypedObject, changed_addresses,
};
use super::proxy::PROXY_CONTAINER;
use super::trust::Trust;
use super::{Retry, Review, ReviewObject, RuleReport, pod_changes, proxy};
use crate::keys::{self, GATEWAY_TEMPLATE, Map, Row, TEMPLATES_ANNOTATION};
use crate::kinds::{Kind, MESH_GROUPS, Operation, WORKLOAD_ENTRIES};
use crate::settings::{Dataplane, PROBE_NAMESPACE};
use crate::snapshot::{Actor, InjectedObject, Namespace, ProxyReference, Snapshot, Tenant};

/// A label or an annotation with its row in the table of keys.
#[derive(Clone, Copy, Debug)]
pub struct KnownKey<'r> {
    pub row: &'static Row,
    pub map: Map,
    pub key: &'r str,
    pub value: &'r MetadataValue<'r>,
}

/// The rules' view of a request.
#[derive(Debug)]
pub struct Request<'r> {
    pub snapshot: &'r Snapshot,
    pub(super) review: &'r Review<'r>,
    pub(super) actor: OnceCell<Actor<'r>>,
    pub(super) old_metadata: OnceCell<Option<Metadata<'r>>>,
    pub(super) mesh_revision: OnceCell<&'r str>,
    pub(super) known_keys: OnceCell<Vec<KnownKey<'r>>>,
    pub(super) is_waypoint: OnceCell<bool>,
    pub kind: Kind,
    pub operation: Operation,
    /// The name of the namespace's tenant, and the Tenant itself unless it was deleted.
    pub tenant: Option<(&'r str, Option<&'r Tenant>)>,
    pub object: &'r Object<'r>,
    /// The unknown fields and the claims of the object.
    pub found: &'r Found<'r>,
    /// The object before an update. `None` for other operations, and for kinds that no rule compares with an old
    /// version.
    pub old: Option<&'r Object<'r>>,
}

impl<'r> Request<'r> {
    /// Returns the user's role. Ownership rules depend on it; content rules do not.
    pub fn actor(&self) -> &Actor<'r> {
        self.actor.get_or_init(|| self.snapshot.actor(&self.review.user))
    }

    /// True if the user is one of those who are trusted.
    pub fn is_by(&self, trusted: &[Trust]) -> bool {
        trusted.iter().any(|trust| trust.includes(self.actor()))
    }

    /// Returns the dataplane of the pods that the request writes. A pod that exists keeps its own while its namespace moves
    /// to another.
    pub fn dataplane(&self) -> Dataplane {
        let (name, namespace) = self.namespace();
        let exists = self.operation == Operation::Update || self.stage() == Stage::Stored;
        if let Object::Workload(workload) = self.object
            && self.kind == Kind::Pod
            && exists
            && !self.seems_waypoint()
        {
            let mut containers = workload.containers();
            if containers
                .any(|found| *found.name == *PROXY_CONTAINER && found.kind != ContainerKind::Ephemeral)
            {
                return Dataplane::Sidecar;
            }
            if namespace.is_some_and(Namespace::is_captured) {
                return Dataplane::Ambient;
            }
        }
        self.snapshot.dataplane(name)
    }

    /// True if the user can be a component of the cluster: a kubelet, a controller or a service account of no tenant.
    pub fn is_by_component(&self) -> bool {
        match self.actor() {
            Actor::Member(_) => false,
            Actor::Other => self.review.user.service_account_namespace().is_some(),
            Actor::Bulkhead
            | Actor::NamespaceController
            | Actor::KubeController
            | Actor::KubeControllerManager
            | Actor::Node
            | Actor::Platform => true,
        }
    }

    /// True if the user is a service account of neither the platform nor a tenant, such as that of a tool which deploys
    /// or restores.
    pub fn is_by_unlisted_account(&self) -> bool {
        matches!(self.actor(), Actor::Other) && self.review.user.service_account().is_some()
    }

    /// True if the user is a service account of `namespace`.
    pub fn is_service_account_in(&self, namespace: &str) -> bool {
        self.review.user.service_account_namespace() == Some(namespace)
    }

    /// True if the user is a service account of `namespace` that rules trust by its name.
    pub fn is_trusted_account_of(&self, namespace: &str) -> bool {
        let account = self.review.user.service_account();
        account.is_some_and(|(home, name)| home == namespace && self.snapshot.trusts_account(home, name))
    }

    /// Returns the time of the request, in seconds since 1970.
    pub fn time(&self) -> i64 {
        self.review.time
    }

    /// Returns the name of the user.
    pub fn user_name(&self) -> &'r str {
        self.review.user.name
    }

    /// True if the user may create a Tenant for themselves. Components of the cluster, service accounts among them,
    /// never may: they write what others have put into manifests.
    pub fn may_create_own_tenant(&self) -> bool {
        let user = &self.review.user;
        let groups = &self.snapshot.settings.self_service_groups;
        !user.name.starts_with("system:") && user.groups.iter().any(|group| groups.contains(*group))
    }

    /// True if the namespace's tenant has `enforcement: Observe`.
    pub fn is_observed(&self) -> bool {
        self.tenant_object().is_some_and(Tenant::is_observed)
    }

    /// True if the request adds a container to debug a pod.
    pub fn is_debugging(&self) -> bool {
        self.review.subresource == "ephemeralcontainers"
    }

    /// Returns the valid references of the mesh's proxy for the request's namespace, the newest first.
    pub fn proxy_references(&self) -> impl Iterator<Item = &'r ProxyReference> {
        let revision = || self.snapshot.mesh_revision(self.review.namespace);
        self.snapshot.proxy_references.valid(self.mesh_revision.get_or_init(revision), self.review.time)
    }

    /// Returns the metadata that rules judge: that of the object, or of its pod template.
    pub fn metadata(&self) -> Option<MetadataAt<'r>> {
        match self.object {
            Object::Workload(workload) => Some(workload.metadata()),
            Object::Policy(policy) => self.is_tenant_policy(policy).then(|| policy.metadata.at_root()),
            Object::Binding(metadata)
            | Object::ServiceAccount(metadata, _)
            | Object::ConfigMap(metadata)
            | Object::Service(metadata)
            | Object::VirtualService(metadata, _)
            | Object::DestinationRule(metadata, _)
            | Object::Gateway(metadata, _)
            | Object::RequestAuthentication(metadata, _)
            | Object::Ingress(metadata, _)
            | Object::Route(metadata, _)
            | Object::Monitor(metadata, _)
            | Object::SharedService(metadata)
            | Object::Namespace(NamespaceView { metadata, .. }) => Some(metadata.at_root()),
            Object::Endpoints(endpoints) => Some(endpoints.metadata.at_root()),
            Object::Tenant(tenant) => Some(tenant.metadata.at_root()),
            Object::TokenRequest(..)
            | Object::CertificateRequest(_)
            | Object::Secret(_)
            | Object::Connection(_)
            | Object::Opaque => None,
        }
    }

    /// Returns the keys of this metadata that have a row in the table of keys.
    pub fn known_keys(&self) -> &[KnownKey<'r>] {
        self.known_keys.get_or_init(|| {
            let metadata = self.metadata();
            let maps = [Map::Labels, Map::Annotations].into_iter();
            let entries = maps.flat_map(|map| {
                let entries = metadata.into_iter().flat_map(move |at| at.metadata.entries(map).iter());
                entries.map(move |(key, value)| (map, key, value))
            });
            let known = entries.filter_map(|(map, key, value)| {
                Some(KnownKey { row: keys::find(self.kind, map, key)?, map, key, value })
            });
            known.collect()
        })
    }

    /// Returns the volumes of this name in these references.
    pub fn injected_volumes<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n InjectedObject> {
        self.proxy_references().flat_map(move |reference| reference.volumes(name))
    }

    /// True if the object is a pod or a template of a gateway: its proxy is not beside other containers, and captures no
    /// traffic. An existing pod stays what it was. An ambient mesh injects no gateways.
    pub fn is_gateway(&self) -> bool {
        let Object::Workload(workload) = self.object else { return false };
        let is_update = self.kind == Kind::Pod && self.operation == Operation::Update;
        let old = if is_update { self.old_metadata() } else { None };
        let metadata = old.unwrap_or(workload.metadata().metadata);
        let template = metadata.at_root().annotation(TEMPLATES_ANNOTATION);
        self.dataplane() == Dataplane::Sidecar
            && template.is_some_and(|template| template.value == GATEWAY_TEMPLATE)
    }

    /// True if the object is a pod or a template that is a waypoint as istiod makes it. Its proxy is its only container, and
    /// ztunnel does not capture it.
    pub fn is_waypoint(&self) -> bool {
        *self.is_waypoint.get_or_init(|| {
            let mut report = RuleReport::new("BH304");
            self.compare_waypoint(&mut report) && report.count() == 0
        })
    }

    /// True if the labels of a pod or a template in an ambient mesh say that it is a waypoint.
    pub fn seems_waypoint(&self) -> bool {
        matches!(self.object, Object::Workload(workload) if proxy::is_claimed_waypoint(workload))
            && self.snapshot.may_be_captured(self.namespace().0)
    }

    /// Reports how the object differs from a waypoint as istiod makes it. False if its labels do not say that it is one.
    pub fn compare_waypoint(&self, report: &mut RuleReport) -> bool {
        let Object::Workload(workload) = self.object else { return false };
        if !self.seems_waypoint() {
            return false;
        }
        let compare = |reference| {
            let mut found = RuleReport::new(report.code());
            proxy::compare_waypoint(workload, &self.snapshot.settings, reference, &mut found);
            found
        };
        // The mesh's own values are known from any reference. Without one they must be Istio's defaults.
        let references = self.proxy_references().map(Some).chain([None]);
        if let Some(differences) = references.map(compare).min_by_key(RuleReport::count)
            && differences.count() > 0
        {
            report.add_all(differences);
            report.may_change(Retry::Relearn);
        }
        true
    }

    /// True if the request updates a pod, and leaves the mesh's containers as they are.
    pub fn keeps_mesh_containers(&self) -> bool {
        let (Some(old), Some(Ok(new))) = (self.review.old_object, self.review.object.map(ReviewObject::raw))
        else {
            return false;
        };
        self.operation == Operation::Update && pod_changes::same_mesh_containers(old, new).unwrap_or(false)
    }

    /// True if the request writes a subresource through which no container of a pod changes.
    pub fn changes_no_container(&self) -> bool {
        matches!(self.review.subresource, "status" | "resize")
    }

    /// Returns the stage at which the object is judged.
    pub fn stage(&self) -> Stage {
        self.review.stage
    }

    /// Returns the name of the request's namespace, and the namespace in the snapshot.
    pub fn namespace(&self) -> (&'r str, Option<&'r Namespace>) {
        (self.review.namespace, self.snapshot.namespace(self.review.namespace).map(Arc::as_ref))
    }

    /// True if the settings reserve the kind of the object for the platform.
    pub fn has_reserved_kind(&self) -> bool {
        self.snapshot.settings.is_reserved(self.review.group, self.review.resource)
    }

    /// True if the name of the object begins with `prefix`, or cannot be read. For objects of which nothing else is read.
    pub fn may_have_name_with(&self, prefix: &str) -> bool {
        let raw = self.review.object.and_then(|object| object.raw().ok());
        let Some(Ok(OwnerInfo { name, .. })) = raw.map(OwnerInfo::read) else { return true };
        name.is_some_and(|name| name.starts_with(prefix))
    }

    /// Returns the metadata before an update, for kinds that are not compared.
    pub fn old_metadata(&self) -> Option<&Metadata<'r>> {
        let read = || {
            let old = self.review.old_object?;
            let object = TypedObject::<IgnoredAny>::read(self.kind, old, &mut Found::default());
            object.ok().map(|object| object.metadata)
        };
        self.old_metadata.get_or_init(read).as_ref()
    }

    /// Returns the addresses in the status of a pod or a Service that an update changes.
    pub fn changed_addresses(&self) -> impl Iterator<Item = Located<'static, &'r str>> {
        let fields = if self.kind == Kind::Service { SERVICE_ADDRESSES } else { POD_ADDRESSES };
        let new = self.review.object.and_then(|object| object.raw().ok());
        changed_addresses(fields, new, self.review.old_object)
    }

    /// Returns the Namespace that the request writes, and its old version.
    pub fn written_namespace(&self) -> Option<(&'r NamespaceView<'r>, Option<&'r NamespaceView<'r>>)> {
        let Object::Namespace(new) = self.object else { return None };
        let old = match self.old {
            Some(Object::Namespace(old)) => Some(old),
            _ => None,
        };
        Some((new, old))
    }

    /// Returns the tenant that a namespace joins, if the user acts for it or is the platform. Another rule refuses other
    /// users, who must not learn anything about the tenant.
    pub fn joined_tenant(
        &self,
        new: &NamespaceView<'_>,
        old: Option<&NamespaceView<'_>>,
    ) -> Option<&'r Tenant> {
        let joins = new.tenant().filter(|tenant| old.and_then(NamespaceView::tenant) != Some(tenant));
        let tenant = joins.and_then(|name| self.snapshot.tenant(name))?;
        let actor = self.actor();
        (matches!(actor, Actor::Platform) || actor.acts_for(&tenant.name)).then_some(tenant)
    }

    /// Returns the Tenant that the namespace belongs to; `None` also if it was deleted.
    pub fn tenant_object(&self) -> Option<&'r Tenant> {
        self.tenant.and_then(|(_, tenant)| tenant)
    }

    /// Returns the name of the tenant that the namespace belongs to; empty if it belongs to no tenant.
    pub fn tenant_name(&self) -> &'r str {
        self.tenant.map_or("", |(name, _)| name)
    }

    /// True if a refusal may tell the user about `tenant`. The empty name stands for everything that belongs to no
    /// tenant.
    pub fn may_reveal(&self, tenant: &str) -> bool {
        let user = &self.review.user;
        // No API server sends a review without a user: it comes from `bulkhead check`, whose reader has the files.
        self.actor().may_know(tenant) || user.name.is_empty() || self.snapshot.is_break_glass(user)
    }

    /// Returns `tenant` as a message names it: for strangers, without its name.
    pub fn tenant_in_words(&self, tenant: &str) -> String {
        if self.may_reveal(tenant) {
            format!("tenant {tenant}")
        } else if tenant == self.tenant_name() {
            "this tenant".to_owned()
        } else {
            "another tenant".to_owned()
        }
    }

    /// Returns the tenant of the namespace as a message names it.
    pub fn own_tenant_in_words(&self) -> String {
        self.tenant_in_words(self.tenant_name())
    }

    /// Returns the tenant of a namespace that the request changes or deletes, as its label says.
    pub fn owner_of_written<'n>(&self, namespace: &'n NamespaceView<'_>) -> Option<&'n str> {
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        namespace.tenant().filter(|_| !self.snapshot.settings.is_listed_platform_namespace(name))
    }

    /// Returns what a protected namespace is for, in messages. `None` for other namespaces.
    pub fn purpose_of_protected(&self, namespace: &str) -> Option<&'static str> {
        let settings = &self.snapshot.settings;
        if namespace == settings.mesh_root {
            Some("the mesh's root namespace")
        } else if settings.controller_namespace() == Some(namespace) || namespace == PROBE_NAMESPACE {
            Some("a namespace of Bulkhead")
        } else {
            self.snapshot.is_protected(namespace).then_some("the namespace of shared services")
        }
    }

    /// True if the user is a service account of the protected namespace `namespace`, or of the mesh's root namespace, whose
    /// istiod writes in all others. The latter accounts may not configure the mesh: others give them their manifests.
    pub fn is_by_account_of_protected(&self, namespace: &str) -> bool {
        let Review { group, resource, subresource, .. } = *self.review;
        let configures_mesh =
            MESH_GROUPS.contains(&group) && resource != WORKLOAD_ENTRIES && subresource.is_empty();
        if self.is_service_account_in(&self.snapshot.settings.mesh_root) {
            !configures_mesh
        } else if namespace == PROBE_NAMESPACE {
            self.snapshot.settings.controller_namespace().is_some_and(|home| self.is_service_account_in(home))
        } else {
            self.is_service_account_in(namespace)
        }
    }

    /// True if a namespace belongs to a tenant, or belonged to one.
    pub fn has_tenant(&self, new: &NamespaceView<'_>, old: Option<&NamespaceView<'_>>) -> bool {
        let has_tenant = |namespace: &NamespaceView<'_>| namespace.tenant().is_some();
        has_tenant(new) || old.is_some_and(has_tenant)
    }
}
