use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};

use crate::registration::{ProbeResult, probe_patch};

/// Sends the probe of a namespace, which shows if the API server reaches the webhook. It is a dry run.
pub(crate) async fn send_probe(client: &Client, namespace: &str) -> Result<ProbeResult, kube::Error> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let patch = Patch::Merge(probe_patch(Timestamp::now().as_millisecond()));
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    match namespaces.patch(namespace, &params, &patch).await {
        Ok(_) => Ok(ProbeResult::NotJudged(None)),
        Err(kube::Error::Api(status)) => Ok(ProbeResult::from_message(&status.message)),
        Err(error) => Err(error),
    }
}
