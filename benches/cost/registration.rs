//! The objects that make the API server admit the requests of each variant's namespace in its way. All variants are
//! registered at the same time, so that rounds can alternate: the namespaces are alike but for a label that selects one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::program::{self, printed};
use serde_json::{Value, json};

use crate::variant::Variant;

/// The label of namespaces that names a variant.
pub(crate) const LABEL: &str = "example.com/admission";

/// The domain of the webhooks' names. Before it comes the name of the variant.
const DOMAIN: &str = "cost.example.com";

/// Registers a variant, whose webhook has this address.
pub(crate) fn register(cluster: &Cluster, variant: Variant, webhook: Option<SocketAddr>) {
    let objects = match (variant, webhook) {
        (Variant::Policy, _) => include_str!("policy.yaml").to_owned(),
        (Variant::NullWebhook, Some(address)) => null_webhook(cluster, address).to_string(),
        (_, Some(address)) => {
            bulkhead(cluster, variant, address).map(|object| object.to_string()).join("\n---\n")
        }
        (_, None) => return,
    };
    cluster.admin().and_then(|admin| admin.apply(&objects)).expect("registered");
}

/// Returns the two configurations that the binary of this variant prints. Every entry that selects namespaces selects
/// only those with the label.
fn bulkhead(cluster: &Cluster, variant: Variant, address: SocketAddr) -> [Value; 2] {
    let file = |name: &str| cluster.folder.join(name).display().to_string();
    let (settings, bundle, port) =
        (file("settings.yaml"), file("webhook-ca.crt"), address.port().to_string());
    let arguments = ["webhooks", "--settings", &settings, "--port", &port, "--ca-bundle", &bundle];
    let text = printed(&variant.binary().expect("a binary"), &arguments).expect("its configurations");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let mut configurations: [Value; 2] = documents.try_into().expect("two configurations");
    for configuration in &mut configurations {
        configuration["metadata"]["name"] = format!("cost-{}", variant.name()).into();
        for entry in configuration["webhooks"].as_array_mut().into_iter().flatten() {
            let name = entry["name"].as_str().and_then(|name| name.split('.').next()).unwrap_or_default();
            entry["name"] = format!("{name}.{}.{DOMAIN}", variant.name()).into();
            if let Some(requirements) = entry["namespaceSelector"]["matchExpressions"].as_array_mut() {
                requirements.push(json!({ "key": LABEL, "operator": "In", "values": [variant.name()] }));
            }
        }
    }
    configurations
}

/// Returns a configuration that sends the null webhook every write that Bulkhead's entries for tenants' pods name, without
/// their match conditions.
fn null_webhook(cluster: &Cluster, address: SocketAddr) -> Value {
    let [mut configuration, _] = bulkhead(cluster, Variant::Bulkhead, address);
    let variant = Variant::NullWebhook.name();
    configuration["metadata"]["name"] = format!("cost-{variant}").into();
    let entries = configuration["webhooks"].as_array().into_iter().flatten();
    let entries: Vec<&Value> = entries.filter(|entry| is_for_tenants_pods(entry)).collect();
    let rules: Vec<&Value> = entries.iter().flat_map(|entry| items(&entry["rules"])).collect();
    let mut entry = (*entries.first().expect("an entry for pods")).clone();
    entry["name"] = format!("workloads.{variant}.{DOMAIN}").into();
    entry["matchConditions"] = json!([]);
    entry["namespaceSelector"] = json!({ "matchLabels": { LABEL: variant } });
    entry["rules"] = json!(rules);
    configuration["webhooks"] = json!([entry]);
    configuration
}

fn is_for_tenants_pods(entry: &Value) -> bool {
    let mut requirements = items(&entry["namespaceSelector"]["matchExpressions"]);
    let mut resources = items(&entry["rules"]).flat_map(|rule| items(&rule["resources"]));
    requirements.any(|requirement| requirement["operator"] == "Exists")
        && resources.any(|resource| resource == "pods")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Numbers of calls of webhooks and of writes that match conditions kept from them, in the metrics of the API server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) made: f64,
    pub(crate) excluded: f64,
}

impl Calls {
    pub(crate) fn since(self, start: Self) -> Self {
        Self { made: self.made - start.made, excluded: self.excluded - start.excluded }
    }
}

/// Returns the calls of each variant's webhooks so far, by the variant's name.
pub(crate) fn calls(metrics: &str) -> BTreeMap<String, Calls> {
    let mut all: BTreeMap<String, Calls> = BTreeMap::new();
    for line in metrics.lines() {
        let is_call = line.starts_with("apiserver_admission_webhook_request_total{");
        let is_exclusion = line.starts_with("apiserver_admission_match_condition_exclusions_total{");
        let Some((labels, value)) = line.rsplit_once(' ') else { continue };
        let name = labels.split_once("name=\"").and_then(|(_, name)| name.split('"').next());
        let variant =
            name.and_then(|name| name.strip_suffix(DOMAIN)?.trim_end_matches('.').split('.').nth(1));
        let (Some(variant), true) = (variant, is_call || is_exclusion) else { continue };
        let value = value.parse::<f64>().expect("a number");
        let calls = all.entry(variant.to_owned()).or_default();
        if is_call {
            calls.made += value;
        } else {
            calls.excluded += value;
        }
    }
    all
}

/// Creates the Service through which the API server calls every webhook, each at its own port.
pub(crate) fn create_service(cluster: &Cluster, port: u16) {
    let service = program::service(port);
    cluster.admin().and_then(|admin| admin.apply(&service.to_string())).expect("a Service");
}
