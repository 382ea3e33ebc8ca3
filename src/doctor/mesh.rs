//! The injectors and the revisions of the mesh, as several checks read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhook, MutatingWebhookConfiguration};
use kube::core::{NamespaceResourceScope, Selector, SelectorExt};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::{Inspection, Unread};
use crate::keys::{REVISION_LABEL, REVISION_TAG_LABEL};
use crate::snapshot::{DEFAULT_REVISION, NamespaceOwner, Snapshot};

/// The webhook configurations of Istio's injectors.
pub(super) struct Injectors {
    configurations: Vec<MutatingWebhookConfiguration>,
}

impl Injectors {
    pub(super) async fn read(inspection: &Inspection) -> Result<Self, Unread> {
        Ok(Self::new(inspection.list().await?))
    }

    pub(super) fn new(mut configurations: Vec<MutatingWebhookConfiguration>) -> Self {
        configurations.retain(|configuration| webhooks(configuration).next().is_some());
        Self { configurations }
    }

    /// True if an injector receives the pods of a namespace with these labels.
    pub(super) fn inject(&self, namespace_labels: &BTreeMap<String, String>) -> bool {
        let webhooks = || self.configurations.iter().flat_map(webhooks);
        let selects = |selector: Option<&_>, labels: &BTreeMap<String, String>| {
            let Some(selector) = selector.cloned() else { return true };
            Selector::try_from(selector).is_ok_and(|selector| selector.matches(labels))
        };
        webhooks().any(|webhook| {
            selects(webhook.namespace_selector.as_ref(), namespace_labels)
                && selects(webhook.object_selector.as_ref(), &BTreeMap::new())
        })
    }

    /// Returns the revision that a tag names; the name itself if it is no tag.
    pub(super) fn revision<'n>(&'n self, name: &'n str) -> &'n str {
        let label = |configuration: &'n MutatingWebhookConfiguration, key| {
            configuration.labels().get(key).map(String::as_str)
        };
        let mut tags = self.configurations.iter();
        let tag = tags.find(|configuration| label(configuration, REVISION_TAG_LABEL) == Some(name));
        tag.and_then(|tag| label(tag, REVISION_LABEL)).unwrap_or(name)
    }
}

/// Returns the webhooks of an injector in a configuration.
fn webhooks(configuration: &MutatingWebhookConfiguration) -> impl Iterator<Item = &MutatingWebhook> {
    let webhooks = configuration.webhooks.iter().flatten();
    webhooks.filter(|webhook| webhook.name.ends_with("sidecar-injector.istio.io"))
}

/// Returns the revisions of tenants' namespaces, and that of new ones.
pub(super) fn revisions(snapshot: &Snapshot) -> BTreeSet<&str> {
    let namespaces = tenant_namespaces(snapshot).map(|namespace| snapshot.mesh_revision(namespace));
    namespaces.chain([snapshot.default_mesh_revision()]).collect()
}

/// Returns the namespaces of all tenants, sorted by tenant and name.
pub(super) fn tenant_namespaces(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let labelled = snapshot.namespaces_by_tenant_label().flat_map(|(_, namespaces)| namespaces);
    let is_tenants = |namespace: &&str| matches!(snapshot.owner(namespace), Some(NamespaceOwner::Tenant(_)));
    labelled.map(AsRef::as_ref).filter(is_tenants)
}

/// Returns an object of the mesh's root namespace that each revision in use has, `name` with the suffix of the revision:
/// for each its kind and place, and the object; `None` if it does not exist.
pub(super) async fn of_each_revision<K>(
    inspection: &Inspection,
    name: &str,
) -> Result<Vec<(String, Result<Option<K>, Unread>)>, Unread>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let snapshot = inspection.snapshot().await?;
    let injectors = Injectors::read(inspection).await?;
    let revisions: BTreeSet<&str> =
        revisions(&snapshot).into_iter().map(|name| injectors.revision(name)).collect();
    let root = &inspection.settings.mesh_root;
    let mut found = Vec::new();
    for revision in revisions {
        let name = name_in_revision(name, revision);
        let object = format!("{} {root}/{name}", K::kind(&()));
        found.push((object, inspection.find_in::<K>(root, &name).await));
    }
    Ok(found)
}

/// Returns the name of an object that each revision has: the default revision's has no suffix.
fn name_in_revision(name: &str, revision: &str) -> String {
    match revision {
        DEFAULT_REVISION => name.to_owned(),
        revision => format!("{name}-{revision}"),
    }
}
