use std::fmt::Debug;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::DeleteParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::controller::timeout::with_timeout;
use crate::registration::{CONFIGURATION_NAME, CONTROLLER};

/// Interval of deletions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Number of deletions in a row that must find nothing: a controller may have read its ClusterRole just before it was
/// deleted, and write once more.
const ABSENCES_REQUIRED: u32 = 5;
/// Time limit for all deletions.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Deletes the ClusterRole that owns the webhook configurations, and the configurations. Returns when they stay deleted.
pub async fn unregister(client: &Client) -> anyhow::Result<()> {
    let deletions = async {
        delete::<ClusterRole>(client, CONTROLLER).await?;
        let mut absences = 0;
        while absences < ABSENCES_REQUIRED {
            let validating = delete::<ValidatingWebhookConfiguration>(client, CONFIGURATION_NAME).await?;
            let mutating = delete::<MutatingWebhookConfiguration>(client, CONFIGURATION_NAME).await?;
            absences = if validating || mutating { 0 } else { absences + 1 };
            sleep(INTERVAL).await;
        }
        Ok(())
    };
    with_timeout(TIMEOUT, deletions).await.context("failed to delete the webhook configurations")
}

/// Deletes an object without a namespace. Returns true if it existed.
async fn delete<K>(client: &Client, name: &str) -> anyhow::Result<bool>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api = Api::<K>::all(client.clone());
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error).with_context(|| format!("failed to delete the {} {name}", K::kind(&()))),
    }
}
