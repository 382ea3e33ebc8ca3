use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::PostParams;

/// Creates the ConfigMap, or replaces the one that was `found`. An edit by another user meanwhile makes a conflict.
pub(super) async fn write_config_map(
    maps: &Api<ConfigMap>,
    name: &str,
    found: Option<ConfigMap>,
    data: BTreeMap<String, String>,
) -> Result<(), kube::Error> {
    let is_new = found.is_none();
    let mut map = found.unwrap_or_default();
    map.metadata.name = Some(name.to_owned());
    map.data = Some(data);
    if is_new {
        maps.create(&PostParams::default(), &map).await?;
    } else {
        maps.replace(name, &PostParams::default(), &map).await?;
    }
    Ok(())
}
