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
use tracing::{info, warn};

use crate::keys::{
    GATEWAY_TEMPLATE, INJECT_KEY, NATIVE_SIDECAR_ANNOTATION, REVISION_LABEL, TEMPLATES_ANNOTATION,
};
use crate::policy::proxy::{self, is_mesh_image};
use crate::settings::{Dataplane, PROBE_NAMESPACE, Settings};
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
        let effect = match settings.dataplane {
            Dataplane::Sidecar => "new pods are refused",
            Dataplane::Ambient => "waypoints are refused if the mesh sets more than Istio's defaults",
        };
        warn!(revision, failure, effect, "failed to learn the mesh's proxy");
        None
    }));
    learned.await.into_iter().flatten().collect()
}

/// A form of the proxy that a pod can ask the injector for.
#[derive(Clone, Copy)]
enum Form {
    Native,
    Classic,
    Gateway,
}

/// Asks the injector of `revision` for each form of the proxy.
async fn learn(client: &Client, revision: &str, settings: &Settings) -> Result<ProxyReference, LearnError> {
    let native = inject(client, revision, settings, Form::Native).await?;
    let classic = inject(client, revision, settings, Form::Classic).await?;
    if native.is_none() && classic.is_none() {
        return Err(LearnError::NotInjected(revision.to_owned()));
    }
    let gateway = match inject(client, revision, settings, Form::Gateway).await {
        // An injector without this template refuses the pod. Pods with a sidecar do not depend on it.
        Err(error) if error.is_answer() => {
            info!(revision, %error, "failed to learn the proxy of gateways; without it their pods are refused");
            None
        }
        answer => answer?,
    };
    Ok(ProxyReference { valid_until: None, native, classic, gateway })
}

impl LearnError {
    /// True if the injector answered.
    fn is_answer(&self) -> bool {
        match self {
            Self::DryRun(kube::Error::Api(status)) => status.code < 500,
            Self::DryRun(_) => false,
            Self::Invalid(_) | Self::NotInjected(_) | Self::ForeignImage(_) => true,
        }
    }
}

/// Returns the injected parts of a pod; `None` if the proxy is not in the asked form.
async fn inject(
    client: &Client,
    revision: &str,
    settings: &Settings,
    form: Form,
) -> Result<Option<InjectedPod>, LearnError> {
    let mut labels = json!({ INJECT_KEY: "true" });
    if revision != DEFAULT_REVISION
        && let Some(labels) = labels.as_object_mut()
    {
        labels.insert(REVISION_LABEL.to_owned(), json!(revision));
    }
    let own = json!({ "name": PROBE_POD, "image": "registry.invalid/probe" });
    let (annotations, container) = match form {
        Form::Native => (json!({ NATIVE_SIDECAR_ANNOTATION: "true" }), own),
        Form::Classic => (json!({ NATIVE_SIDECAR_ANNOTATION: "false" }), own),
        Form::Gateway => (
            json!({ TEMPLATES_ANNOTATION: GATEWAY_TEMPLATE }),
            json!({ "name": proxy::PROXY_CONTAINER, "image": proxy::AUTO_IMAGE }),
        ),
    };
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": PROBE_POD, "labels": labels, "annotations": annotations },
        "spec": { "automountServiceAccountToken": false, "containers": [container] },
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
    let is_in_form = match form {
        Form::Native => redirects && has(&injected.init_containers, proxy::PROXY_CONTAINER),
        Form::Classic => redirects && has(&injected.containers, proxy::PROXY_CONTAINER),
        Form::Gateway => {
            injected.init_containers.is_empty() && has(&injected.containers, proxy::PROXY_CONTAINER)
        }
    };
    Ok(is_in_form.then_some(injected))
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
