//! Model of the API server: the objects, and the watch events that it has not delivered yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::super::object_ref::ObjectRef;
use super::expected::expected_objects;
use crate::api;
use crate::baseline::{DEFAULT_SERVICE_ACCOUNT, Manifest, QUOTA_NAME, drift, labels};
use crate::keys::INJECTION_LABEL;
use crate::kinds::Kind;
use crate::settings::{DenyAll, Settings};
use crate::snapshot::{ClusterState, Namespace, SharedService, Snapshot, Tenant};

pub(super) const TENANTS: [&str; 2] = ["one", "two"];
/// The namespace of the shared service.
pub(super) const SERVICE_NAMESPACE: &str = "shared";

/// A snapshot of the world, and the times of the latest changes by users.
pub(super) struct View {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) settings_changed: u32,
    pub(super) tenants_changed: BTreeMap<String, u32>,
}

pub(super) struct World {
    /// The resourceVersion of the latest change, and the second in which it was made.
    version: u32,
    pub(super) objects: BTreeMap<ObjectRef, DynamicObject>,
    /// Events that the watch of each kind has not delivered yet.
    events: BTreeMap<Kind, VecDeque<Event<DynamicObject>>>,
    /// Objects that users have changed since the controller has written them.
    pub(super) tampered: BTreeSet<ObjectRef>,
    pub(super) settings: Arc<Settings>,
    settings_changed: u32,
    pub(super) tenants: BTreeMap<String, Arc<Tenant>>,
    tenants_changed: BTreeMap<String, u32>,
    pub(super) service: Option<SharedService>,
    pub(super) namespaces: BTreeMap<Arc<str>, Arc<Namespace>>,
    view: Option<Arc<View>>,
}

pub(super) fn name_of_namespace(tenant: &str, number: u8) -> Arc<str> {
    format!("tenant-{tenant}-{number}").into()
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            version: 0,
            objects: BTreeMap::new(),
            events: BTreeMap::new(),
            tampered: BTreeSet::new(),
            settings: Arc::default(),
            settings_changed: 0,
            tenants: BTreeMap::new(),
            tenants_changed: BTreeMap::new(),
            service: None,
            namespaces: BTreeMap::new(),
            view: None,
        };
        for name in ["default", "istio-system", SERVICE_NAMESPACE] {
            let is_meshed = name == "default";
            let labels = is_meshed.then(|| (INJECTION_LABEL.into(), "enabled".into()));
            let labels = labels.into_iter().collect();
            let namespace = Namespace { labels, uid: name.to_owned(), ..Namespace::default() };
            world.namespaces.insert(name.into(), Arc::new(namespace));
        }
        world.set_deny_all(DenyAll::Disabled);
        world
    }

    /// Counts a change of what snapshots contain.
    fn change(&mut self) -> u32 {
        self.view = None;
        self.version += 1;
        self.version
    }

    pub(super) fn view(&mut self) -> Arc<View> {
        let state = ClusterState {
            tenants: self.tenants.values().cloned().collect(),
            shared_services: self.service.iter().cloned().collect(),
            namespaces: self.namespaces.clone().into_iter().collect(),
            ..ClusterState::default()
        };
        let view = self.view.take().unwrap_or_else(|| {
            Arc::new(View {
                snapshot: Arc::new(Snapshot::new(Arc::clone(&self.settings), state)),
                settings_changed: self.settings_changed,
                tenants_changed: self.tenants_changed.clone(),
            })
        });
        self.view = Some(Arc::clone(&view));
        view
    }

    pub(super) fn set_deny_all(&mut self, deny_all: DenyAll) {
        let rollout_rate = Settings::default().rollout_rate.saturating_add(980);
        self.settings = Arc::new(Settings { mesh_wide: Some(deny_all), rollout_rate, ..Settings::default() });
        self.settings_changed = self.change();
    }

    pub(super) fn put_tenant(&mut self, name: &str, spec: api::TenantSpec) {
        self.tenants.insert(name.to_owned(), Arc::new(Tenant::new(name.to_owned(), 0, spec)));
        let now = self.change();
        self.tenants_changed.insert(name.to_owned(), now);
    }

    pub(super) fn delete_tenant(&mut self, name: &str) {
        self.tenants.remove(name);
        let now = self.change();
        self.tenants_changed.insert(name.to_owned(), now);
    }

    pub(super) fn put_service(&mut self, selector: &str) {
        let spec: api::SharedServiceSpec = serde_json::from_value(json!({
            "namespace": SERVICE_NAMESPACE, "selector": { "app": selector }, "ports": [{ "port": 80 }],
        }))
        .unwrap();
        self.service = Some(SharedService::new("some".to_owned(), spec));
        self.change();
    }

    pub(super) fn delete_service(&mut self) {
        self.service = None;
        self.change();
    }

    /// Creates a namespace, and its default service account.
    pub(super) fn create_namespace(&mut self, tenant: &str, name: &Arc<str>) {
        let version = self.change();
        let namespace = Namespace {
            tenant: Some(tenant.to_owned()),
            uid: version.to_string(),
            created: version.into(),
            ..Namespace::default()
        };
        self.namespaces.insert(Arc::clone(name), Arc::new(namespace));
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "namespace": &**name, "name": DEFAULT_SERVICE_ACCOUNT },
        });
        self.put(ObjectRef::new(Kind::ServiceAccount, name, DEFAULT_SERVICE_ACCOUNT), account);
    }

    /// Applies the whole baseline, as an earlier controller has left it.
    pub(super) fn establish_baseline(&mut self) {
        let namespaces: Vec<Arc<str>> = self.namespaces.keys().cloned().collect();
        for name in &namespaces {
            let Some(tenant) = self.namespaces[name].tenant.clone() else { continue };
            let labels = self.labels_of(&tenant);
            self.edit_namespace(name, |namespace| {
                namespace.labels.clone_from(&labels);
                namespace.ready = true;
            });
        }
        for (_, manifest) in expected_objects(&self.view().snapshot) {
            self.store(&manifest);
        }
        self.count_quotas();
    }

    pub(super) fn delete_namespace(&mut self, name: &str) {
        let keys = self.objects.keys().filter(|key| key.namespace == name);
        for key in keys.cloned().collect::<Vec<_>>() {
            self.delete(&key);
        }
        self.namespaces.remove(name);
        self.change();
    }

    /// Ends the deletion of the terminating namespaces.
    pub(super) fn finish_deletions(&mut self) {
        let terminating = self.namespaces.iter().filter(|(_, namespace)| namespace.terminating);
        for name in terminating.map(|(name, _)| Arc::clone(name)).collect::<Vec<_>>() {
            self.delete_namespace(&name);
        }
    }

    pub(super) fn edit_namespace(&mut self, name: &str, edit: impl Fn(&mut Namespace)) {
        if let Some(namespace) = self.namespaces.get_mut(name) {
            edit(Arc::make_mut(namespace));
            self.change();
        }
    }

    /// Returns the labels that a namespace of the tenant must have.
    pub(super) fn labels_of(&self, tenant: &str) -> Vec<(Box<str>, Box<str>)> {
        let tenant = self.tenants.get(tenant).into_iter();
        let labels = tenant.flat_map(|tenant| labels(&self.settings, tenant));
        labels.map(|label| (label.key.into(), label.value.into())).collect()
    }

    fn put(&mut self, key: ObjectRef, object: Value) -> DynamicObject {
        self.version += 1;
        let mut object: DynamicObject = serde_json::from_value(object).unwrap();
        object.metadata.resource_version = Some(self.version.to_string());
        let known = self.objects.get(&key).and_then(|known| known.metadata.creation_timestamp.clone());
        let now = || Time(Timestamp::from_second(self.version.into()).unwrap());
        object.metadata.creation_timestamp = Some(known.unwrap_or_else(now));
        self.events.entry(key.kind).or_default().push_back(Event::Apply(object.clone()));
        self.objects.insert(key, object.clone());
        object
    }

    /// Stores an object as the controller writes it: not if there is no difference. Its status stays.
    pub(super) fn store(&mut self, manifest: &Manifest) -> DynamicObject {
        let key = ObjectRef::of_manifest(manifest);
        self.tampered.remove(&key);
        let mut object = manifest.object.clone();
        if let Some(stored) = self.objects.get(&key) {
            if drift(manifest.kind, &object, &serde_json::to_value(stored).unwrap()).is_empty() {
                return stored.clone();
            }
            if let Some(status) = stored.data.get("status") {
                object["status"] = status.clone();
            }
        }
        self.put(key, object)
    }

    pub(super) fn delete(&mut self, key: &ObjectRef) {
        self.version += 1;
        if let Some(mut object) = self.objects.remove(key) {
            object.metadata.resource_version = Some(self.version.to_string());
            self.events.entry(key.kind).or_default().push_back(Event::Delete(object));
        }
        self.tampered.remove(key);
    }

    /// Changes an object, as a user without permission would.
    pub(super) fn tamper(&mut self, key: &ObjectRef) {
        let Some(object) = self.objects.get(key) else { return };
        let mut object = serde_json::to_value(object).unwrap();
        let fields = object.as_object_mut().unwrap();
        if key.kind.is_partly_managed() {
            fields.retain(|field, _| ["apiVersion", "kind", "metadata"].contains(&field.as_str()));
        } else {
            fields.insert("spec".to_owned(), json!({ "tampered": true }));
        }
        self.put(key.clone(), object);
        self.tampered.insert(key.clone());
    }

    /// Creates an object that the baseline does not contain, as a revoked grant or an older version leaves it.
    pub(super) fn add_leftover(&mut self, key: &ObjectRef) {
        let manifest = Manifest {
            kind: key.kind,
            namespace: Some(key.namespace.clone()),
            name: key.name.clone(),
            object: json!({
                "apiVersion": key.kind.api_version(), "kind": key.kind.name(),
                "metadata": { "namespace": key.namespace, "name": key.name }, "spec": {},
            }),
        };
        self.put(key.clone(), manifest.object);
    }

    /// Computes the usage of each quota, as the quota controller does after a change.
    pub(super) fn count_quotas(&mut self) {
        let is_quota = |key: &&ObjectRef| key.kind == Kind::ResourceQuota && key.name == QUOTA_NAME;
        let quotas = self.objects.iter().filter(|(key, _)| is_quota(key));
        let is_counted = |quota: &DynamicObject| {
            quota.data.pointer("/status/hard")
                == Some(quota.data.pointer("/spec/hard").unwrap_or(&Value::Null))
        };
        let uncounted = quotas.filter(|(_, quota)| !is_counted(quota)).map(|(key, _)| key.clone());
        for key in uncounted.collect::<Vec<_>>() {
            let mut object = serde_json::to_value(&self.objects[&key]).unwrap();
            object["status"] = json!({ "hard": object["spec"]["hard"], "used": {} });
            self.put(key, object);
        }
    }

    /// Returns the kinds whose watches are behind.
    pub(super) fn kinds_behind(&self) -> Vec<Kind> {
        self.events.iter().filter(|(_, events)| !events.is_empty()).map(|(kind, _)| *kind).collect()
    }

    /// Delivers the next event of a watch.
    pub(super) fn next_event(&mut self, kind: Kind) -> Option<Event<DynamicObject>> {
        self.events.get_mut(&kind)?.pop_front()
    }

    /// Begins a watch again with a list of all objects, which replaces the events that were not delivered.
    pub(super) fn relist(&mut self, kind: Kind) -> Vec<Event<DynamicObject>> {
        self.events.remove(&kind);
        let of_kind = self.objects.iter().filter(|(key, _)| key.kind == kind);
        let objects = of_kind.map(|(_, object)| Event::InitApply(object.clone()));
        [Event::Init].into_iter().chain(objects).chain([Event::InitDone]).collect()
    }
}
