//! Learns the reference of the mesh's proxy: what the cluster's own injector makes of a plain pod. The API server only
//! runs a dry run, so the pod is never stored.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Request;
use futures::future::join_all;
use kube::Client;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use tracing::warn;

use crate::keys::{INJECT_KEY, NATIVE_SIDECAR_ANNOTATION, REVISION_LABEL};
use crate::policy::proxy::{self, is_mesh_image};
use crate::settings::{PROBE_NAMESPACE, Settings};
use crate::snapshot::{DEFAULT_REVISION, InjectedObject, InjectedPod, ProxyReference};

/// The name of the pod and of its only container.
const PROBE_POD: &str = "bulkhead-probe";

#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    #[error("the API server refused a dry run in the namespace `{PROBE_NAMESPACE}`: {0}")]
    DryRun(#[from] kube::Error),
    #[error("the request or its answer is not valid: {0}")]
    Invalid(String),
    #[error("no injector of revision `{0}` adds a sidecar to a pod in the namespace `{PROBE_NAMESPACE}`")]
    NotInjected(String),
    #[error(
        "the injector uses the image `{0}`, which is in no repository of the setting `mesh.proxyImages`; add the \
         repository if it is the platform's own"
    )]
    ForeignImage(String),
}

/// Asks the injectors of all revisions at once. Leaves out those that fail, and logs why.
pub async fn learn_all(
    client: &Client,
    revisions: &BTreeSet<String>,
    settings: &Settings,
    limit: Duration,
) -> Vec<(String, ProxyReference)> {
    let learned = join_all(revisions.iter().map(async |revision| {
        let failure = match timeout(limit, learn(client, revision, settings)).await {
            Ok(Ok(reference)) => return Some((revision.clone(), reference)),
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        warn!(revision, failure, "failed to learn the mesh's proxy; without it new pods are refused");
        None
    }));
    learned.await.into_iter().flatten().collect()
}

/// Asks the injector of `revision` for both forms of the proxy.
async fn learn(client: &Client, revision: &str, settings: &Settings) -> Result<ProxyReference, LearnError> {
    let native = inject(client, revision, settings, true).await?;
    let classic = inject(client, revision, settings, false).await?;
    if native.is_none() && classic.is_none() {
        return Err(LearnError::NotInjected(revision.to_owned()));
    }
    Ok(ProxyReference { valid_until: None, native, classic })
}

/// Returns the injected parts of a pod; `None` if the proxy is not in the asked form.
async fn inject(
    client: &Client,
    revision: &str,
    settings: &Settings,
    native: bool,
) -> Result<Option<InjectedPod>, LearnError> {
    let mut labels = json!({ INJECT_KEY: "true" });
    if revision != DEFAULT_REVISION
        && let Some(labels) = labels.as_object_mut()
    {
        labels.insert(REVISION_LABEL.to_owned(), json!(revision));
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": PROBE_POD, "labels": labels, "annotations": { NATIVE_SIDECAR_ANNOTATION: native.to_string() },
        },
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{ "name": PROBE_POD, "image": "registry.invalid/probe" }],
        },
    });
    let request = Request::post(format!("/api/v1/namespaces/{PROBE_NAMESPACE}/pods?dryRun=All"))
        .header("Content-Type", "application/json")
        .body(pod.to_string().into_bytes())
        .map_err(|error| LearnError::Invalid(error.to_string()))?;
    let answer = client.request_text(request).await?;
    let injected = read(&answer).map_err(|error| LearnError::Invalid(error.to_string()))?;
    for container in injected.all_containers() {
        let image = container.text("image").unwrap_or_default();
        if !is_mesh_image(&image, settings) {
            return Err(LearnError::ForeignImage(image));
        }
    }
    let has = |list: &[InjectedObject], name: &str| list.iter().any(|container| container.name == name);
    let redirects = [proxy::INIT_CONTAINER, proxy::VALIDATION_CONTAINER]
        .iter()
        .any(|name| has(&injected.init_containers, name));
    let list = if native { &injected.init_containers } else { &injected.containers };
    Ok((redirects && has(list, proxy::PROXY_CONTAINER)).then_some(injected))
}

/// Reads the injected parts of a pod, with the bytes of the API server.
fn read(pod: &str) -> serde_json::Result<InjectedPod> {
    #[derive(Deserialize)]
    struct Pod {
        spec: InjectedPod,
    }

    let Pod { spec: mut injected } = serde_json::from_str::<Pod>(pod)?;
    let is_injected =
        |container: &InjectedObject| proxy::INJECTED_CONTAINERS.contains(&container.name.as_str());
    injected.init_containers.retain(is_injected);
    injected.containers.retain(is_injected);
    Ok(injected)
}
