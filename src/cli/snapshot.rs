use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams};
use serde_json::{Value, json};

use super::cluster::{Cluster, connect};
use super::{ExitStatus, yaml};
use crate::api;
use crate::snapshot::{BASELINE_READY, RESERVED_NAMES_CONFIG_MAP};
use crate::sources::reload;

/// Print the snapshot that `bulkhead check --snapshot` needs, as YAML.
///
/// Prints the Tenants, SharedServices, Exemptions and reserved names of the cluster, its Namespaces with their labels
/// and readiness, and the settings file. It reads no Secret, and prints nothing else.
#[derive(Args, Debug)]
pub(super) struct Snapshot {
    #[command(flatten)]
    cluster: Cluster,
}

/// The objects of a page of a list.
const PAGE: u32 = 500;

impl Snapshot {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        // Invalid settings must not reach a file that others judge with.
        reload::settings(self.cluster.settings.clone())?;
        let settings = self.cluster.settings.as_deref().map(std::fs::read_to_string).transpose()?;
        let client =
            connect(self.cluster.context.clone()).await.context("failed to connect to the cluster")?;
        let mut documents: Vec<String> = settings.into_iter().collect();
        for resource in [
            ApiResource::erase::<api::Tenant>(&()),
            ApiResource::erase::<api::SharedService>(&()),
            ApiResource::erase::<api::Exemption>(&()),
        ] {
            for object in list(Api::all_with(client.clone(), &resource), ListParams::default()).await? {
                documents.push(yaml(&own_kind(&resource, &object))?);
            }
        }
        let namespaces = ApiResource::erase::<core::Namespace>(&());
        for object in list(Api::all_with(client.clone(), &namespaces), ListParams::default()).await? {
            documents.push(yaml(&namespace(&object))?);
        }
        let named = ListParams::default().fields(&format!("metadata.name={RESERVED_NAMES_CONFIG_MAP}"));
        let maps = ApiResource::erase::<core::ConfigMap>(&());
        let maps = Api::namespaced_with(client, &self.cluster.system_namespace, &maps);
        for object in list(maps, named).await? {
            documents.push(yaml(&reserved_names(&object))?);
        }
        let documents: Vec<&str> = documents.iter().map(|text| text.trim_start_matches("---\n")).collect();
        std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
        Ok(ExitStatus::Clean)
    }
}

async fn list(api: Api<DynamicObject>, parameters: ListParams) -> Result<Vec<DynamicObject>> {
    let mut parameters = parameters.limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page =
            api.list(&parameters).await.with_context(|| format!("failed to list {}", api.resource_url()))?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

fn own_kind(resource: &ApiResource, object: &DynamicObject) -> Value {
    json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": object.metadata.name },
        "spec": object.data.get("spec"),
    })
}

fn namespace(object: &DynamicObject) -> Value {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == BASELINE_READY);
    let ready = ready.map(|condition| {
        json!({
            "type": condition["type"], "status": condition["status"], "message": condition["message"],
        })
    });
    let metadata = &object.metadata;
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": metadata.name,
            "uid": metadata.uid,
            "creationTimestamp": metadata.creation_timestamp,
            "labels": metadata.labels,
        },
        "status": { "conditions": ready.into_iter().collect::<Vec<_>>() },
    })
}

fn reserved_names(object: &DynamicObject) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": object.metadata.name, "namespace": object.metadata.namespace },
        "data": object.data.get("data"),
    })
}
