use std::collections::BTreeMap;

use kube::Client;
use kube::api::ListParams;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::stored::StoredObject;
use crate::keys::{DRY_RUN_ANNOTATION, GATEWAY_NAME_LABEL, REDIRECTION_ANNOTATION, REVISION_LABEL};
use crate::kinds::Kind;
use crate::policy::proxy::PROXY_CONTAINER;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::sources::api_resource;
use crate::sources::pages::each_page;

/// The workloads that a mesh-wide deny-all policy would close to all callers.
#[derive(Clone, Debug, Default)]
pub struct DenyAllImpact {
    /// The number of pods in the mesh that no enforced `ALLOW` policy selects, by namespace and name of the workload.
    pub workloads: BTreeMap<(String, String), usize>,
    /// The number of pods in the mesh.
    pub meshed_pods: usize,
}

type StringMap = BTreeMap<String, String>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Policy {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    namespace: String,
    labels: StringMap,
    annotations: StringMap,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    action: Option<String>,
    selector: Selector,
    target_refs: Vec<TargetRef>,
    target_ref: Option<TargetRef>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector {
    match_labels: StringMap,
}

#[derive(Deserialize)]
struct TargetRef {
    kind: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    metadata: Metadata,
    spec: PodSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
}

/// Lists all AuthorizationPolicies, then all pods, page by page.
pub async fn assess_deny_all(client: &Client, snapshot: &Snapshot) -> Result<DenyAllImpact, kube::Error> {
    let mut allow_policies: Vec<Policy> = Vec::new();
    for_each(client, Kind::AuthorizationPolicy, |raw| {
        let policy: Policy = serde_json::from_str(raw.get())?;
        allow_policies.extend(Some(policy).filter(|policy| policy.allows(&snapshot.settings)));
        Ok(())
    })
    .await?;
    let root = snapshot.settings.mesh_root.as_str();
    let mut impact = DenyAllImpact::default();
    for_each(client, Kind::Pod, |raw| {
        let pod: Pod = serde_json::from_str(raw.get())?;
        let stored: StoredObject = serde_json::from_str(raw.get())?;
        if stored.is_skipped(Kind::Pod) || !pod.is_meshed() {
            return Ok(());
        }
        impact.meshed_pods += 1;
        if !allow_policies.iter().any(|policy| policy.selects(&pod, root)) {
            let workload = (pod.metadata.namespace, stored.workload().to_owned());
            *impact.workloads.entry(workload).or_default() += 1;
        }
        Ok(())
    })
    .await?;
    Ok(impact)
}

async fn for_each(
    client: &Client,
    kind: Kind,
    mut handle: impl FnMut(&RawValue) -> Result<(), serde_json::Error>,
) -> Result<(), kube::Error> {
    each_page(client, &api_resource(kind), None, ListParams::default(), |items| {
        items.iter().try_for_each(|item| handle(item))
    })
    .await
}

impl Policy {
    /// True if the policy allows any request, in the mesh's own revision.
    fn allows(&self, settings: &Settings) -> bool {
        let is_dry_run =
            self.metadata.annotations.get(DRY_RUN_ANNOTATION).is_some_and(|value| is_true(value));
        let is_allow = self.spec.action.as_deref().is_none_or(|action| action == "ALLOW");
        let revision = self.metadata.labels.get(REVISION_LABEL);
        is_allow
            && !is_dry_run
            && revision.is_none_or(|revision| settings.mesh_revision.as_ref() == Some(revision))
    }

    fn selects(&self, pod: &Pod, root: &str) -> bool {
        let policy_namespace = &self.metadata.namespace;
        let has = |key: &str, value: &str| pod.metadata.labels.get(key).is_some_and(|known| known == value);
        if *policy_namespace != pod.metadata.namespace && policy_namespace != root {
            return false;
        }
        let mut targets = self.spec.target_refs.iter().chain(&self.spec.target_ref).peekable();
        if targets.peek().is_none() {
            return self.spec.selector.match_labels.iter().all(|(key, value)| has(key, value));
        }
        let is_gateway =
            |target: &TargetRef| target.kind == "Gateway" && has(GATEWAY_NAME_LABEL, &target.name);
        *policy_namespace == pod.metadata.namespace && targets.any(is_gateway)
    }
}

impl Pod {
    /// True if the pod has a proxy or is captured by ztunnel.
    fn is_meshed(&self) -> bool {
        let mut containers = self.spec.containers.iter().chain(&self.spec.init_containers);
        let redirection = self.metadata.annotations.get(REDIRECTION_ANNOTATION);
        containers.any(|container| container.name == PROXY_CONTAINER)
            || redirection.is_some_and(|redirection| redirection == "enabled")
    }
}

/// True for the texts that Go's `strconv.ParseBool` reads as true.
fn is_true(text: &str) -> bool {
    ["1", "t", "T", "TRUE", "true", "True"].contains(&text)
}
