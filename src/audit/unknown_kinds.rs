//! Kinds of objects in tenants' namespaces that no rule judges and no setting names.

use std::collections::BTreeSet;

use kube::Client;
use kube::api::{ApiResource, ListParams};
use kube::discovery::{ApiGroup, Discovery, Scope, verbs};

use super::stored::StoredObject;
use super::{Audit, AuditScope, is_unknown_kind};
use crate::kinds::{HARMLESS_KINDS, Resource};
use crate::settings::Settings;
use crate::sources::pages::each_page_of_metadata;

/// A kind that Bulkhead does not know.
#[derive(Debug)]
pub struct UnknownKind {
    pub resource: ApiResource,
    /// The number of objects in the namespaces of the audit.
    pub objects: Result<usize, kube::Error>,
}

impl Audit<'_> {
    /// Returns the kinds that Bulkhead does not know, and of which there are objects in the namespaces of the scope.
    pub async fn unknown_kinds(&self, scope: &AuditScope) -> Result<Vec<UnknownKind>, kube::Error> {
        let resources = unknown_resources(self.client, &self.snapshot.settings).await?;
        let mut found = Vec::new();
        for resource in resources {
            match self.count(scope, &resource).await {
                Ok(0) => {}
                Err(error) if is_unknown_kind(&error) => {}
                objects => found.push(UnknownKind { resource, objects }),
            }
        }
        Ok(found)
    }

    async fn count(&self, scope: &AuditScope, resource: &ApiResource) -> Result<usize, kube::Error> {
        let namespaces = self.namespaces(scope);
        let counted: BTreeSet<&str> = namespaces.iter().copied().collect();
        let mut objects = 0;
        for filter in scope.filters(&namespaces) {
            let listed =
                each_page_of_metadata(self.client, resource, filter, ListParams::default(), |items| {
                    for item in items {
                        let stored: StoredObject = serde_json::from_str(item.get())?;
                        objects += usize::from(counted.contains(stored.metadata.namespace.as_str()));
                    }
                    Ok(())
                });
            listed.await?;
        }
        Ok(objects)
    }
}

/// Returns the kinds of objects in namespaces that the cluster serves and Bulkhead does not know, sorted.
pub async fn unknown_resources(
    client: &Client,
    settings: &Settings,
) -> Result<Vec<ApiResource>, kube::Error> {
    let served = Discovery::new(client.clone()).run_aggregated().await?;
    let resources = served.groups().flat_map(ApiGroup::resources_by_stability);
    let is_written = |operations: &[String]| {
        [verbs::CREATE, verbs::LIST].iter().all(|verb| operations.iter().any(|known| known == verb))
    };
    let mut resources: Vec<ApiResource> = resources
        .filter(|(_, has)| has.scope == Scope::Namespaced && is_written(&has.operations))
        .map(|(resource, _)| resource)
        .filter(|resource| !is_known(settings, &resource.group, &resource.plural))
        .collect();
    resources.sort_by(|one, other| (&one.group, &one.plural).cmp(&(&other.group, &other.plural)));
    Ok(resources)
}

/// True if rules judge the kind with this resource, if the settings name it, or if it is harmless.
pub fn is_known(settings: &Settings, group: &str, plural: &str) -> bool {
    Resource::find(group, plural, "").is_some()
        || settings.knows(group, plural)
        || HARMLESS_KINDS.iter().any(|[known_group, _, known]| (*known_group, *known) == (group, plural))
}
