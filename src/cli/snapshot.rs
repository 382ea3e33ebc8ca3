use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use k8s_openapi::api::core::v1 as core;
use kube::Client;
use kube::ResourceExt;
use kube::api::{ApiResource, DynamicObject, ListParams};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::exit_status::ExitStatus;
use super::yaml::yaml;
use crate::api;
use crate::snapshot::{BASELINE_READY, PROXY_REFERENCES_CONFIG_MAP, ReservedNames};
use crate::sources::pages::each_page;

/// Print the snapshot that `bulkhead check --snapshot` needs, as YAML.
///
/// Prints the Tenants, SharedServices, Exemptions and reserved names of the cluster, the proxy that its injector
/// writes, its Namespaces with their labels and readiness, and the settings. It reads no Secret, and prints nothing else.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Snapshot {
    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead snapshot > snapshot.yaml";

impl Snapshot {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let client = self.cluster.connect().await?;
        let (settings, _) = self.cluster.settings(&client).await?;
        let mut documents = vec![settings];
        for resource in [
            ApiResource::erase::<api::Tenant>(&()),
            ApiResource::erase::<api::SharedService>(&()),
            ApiResource::erase::<api::Exemption>(&()),
        ] {
            for object in list(&client, &resource, None, ListParams::default()).await? {
                documents.push(yaml(&own_kind(&resource, &object))?);
            }
        }
        let namespaces = ApiResource::erase::<core::Namespace>(&());
        for object in list(&client, &namespaces, None, ListParams::default()).await? {
            documents.push(yaml(&namespace(&object))?);
        }
        let maps = ApiResource::erase::<core::ConfigMap>(&());
        let maps = list(&client, &maps, Some(&self.cluster.system_namespace), ListParams::default()).await?;
        let is_printed =
            |name: &str| ReservedNames::is_stored_in(name) || name == PROXY_REFERENCES_CONFIG_MAP;
        for object in maps.iter().filter(|object| is_printed(&object.name_any())) {
            documents.push(yaml(&config_map(object))?);
        }
        let documents: Vec<&str> = documents.iter().map(|text| text.trim_start_matches("---\n")).collect();
        std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
        Ok(ExitStatus::Clean)
    }
}

/// Lists the objects of `resource`, in one namespace or in all.
async fn list(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    parameters: ListParams,
) -> Result<Vec<DynamicObject>> {
    let mut objects = Vec::new();
    let listed = each_page(client, resource, namespace, parameters, |items| {
        items.iter().try_for_each(|item| {
            objects.push(serde_json::from_str(item.get())?);
            Ok(())
        })
    });
    listed.await.with_context(|| format!("failed to list {}", resource.plural))?;
    Ok(objects)
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
    // Every one: the API server stores several conditions of one type.
    let ready = conditions.into_iter().flatten().filter(|condition| condition["type"] == BASELINE_READY);
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
        "status": { "conditions": ready.collect::<Vec<_>>() },
    })
}

fn config_map(object: &DynamicObject) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": object.metadata.name, "namespace": object.metadata.namespace },
        "data": object.data.get("data"),
    })
}
