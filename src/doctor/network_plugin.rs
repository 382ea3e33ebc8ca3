//! The network plugin, as far as its DaemonSets show it. Only packets prove that it enforces policies.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::settings::{KUBE_SYSTEM, Settings};

pub(super) const CHECK: Check = Check {
    name: "network-plugin",
    severity: Severity::Error,
    expects: "A network plugin that enforces NetworkPolicies runs on every node. With Cilium, the setting \
              `network.cilium` lets tenants' pods reach the API servers.",
    run: |inspection| Box::pin(run(inspection)),
};

/// A network plugin, known by a part of an image of its DaemonSet.
struct Plugin {
    name: &'static str,
    image: &'static str,
    enforcement: Enforcement,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Enforcement {
    Always,
    /// Some versions or settings do not enforce policies.
    Depends(&'static str),
    Never,
}

const fn plugin(name: &'static str, image: &'static str, enforcement: Enforcement) -> Plugin {
    Plugin { name, image, enforcement }
}

const PLUGINS: &[Plugin] = &[
    plugin("Cilium", "cilium/cilium", Enforcement::Always),
    plugin("Calico", "calico/node", Enforcement::Always),
    plugin("Antrea", "antrea/antrea-agent", Enforcement::Always),
    plugin("kube-router", "kube-router", Enforcement::Depends("it needs `--run-firewall`")),
    plugin("kube-network-policies", "kube-network-policies", Enforcement::Always),
    plugin("OVN-Kubernetes", "ovn-kube", Enforcement::Always),
    plugin("Weave Net", "weave-npc", Enforcement::Always),
    plugin(
        "the network policy agent of Amazon",
        "amazon/aws-network-policy-agent",
        Enforcement::Depends("it needs `--enable-network-policy=true`"),
    ),
    plugin("Azure's policy manager", "azure-npm", Enforcement::Always),
    plugin("kindnet", "kindnetd", Enforcement::Depends("versions before 2024 ignore policies")),
    plugin("flannel", "flannel", Enforcement::Never),
    plugin("Amazon's VPC plugin", "amazon-k8s-cni", Enforcement::Never),
];

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let sets = inspection.list::<DaemonSet>().await?;
    let images: Vec<(String, String)> = sets.iter().flat_map(images).collect();
    let mut problems = judge(&images, &inspection.settings);
    if runs(&images, "cilium/cilium") {
        match inspection.find_in::<ConfigMap>(KUBE_SYSTEM, "cilium-config").await {
            Ok(map) => {
                let configuration = map.and_then(|map| map.data);
                problems.extend(judge_cilium(configuration.as_ref(), &inspection.settings));
            }
            Err(unread) => problems.push(unread.into()),
        }
    }
    Ok(problems)
}

/// Returns the images of a DaemonSet, each with the name of the DaemonSet.
fn images(set: &DaemonSet) -> Vec<(String, String)> {
    let name = format!("DaemonSet {}/{}", set.namespace().unwrap_or_default(), set.name_any());
    let spec = set.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    containers.filter_map(|container| Some((name.clone(), container.image.clone()?))).collect()
}

fn runs(images: &[(String, String)], part: &str) -> bool {
    images.iter().any(|(_, image)| image.contains(part))
}

fn judge(images: &[(String, String)], settings: &Settings) -> Vec<Problem> {
    let found: Vec<(&Plugin, &str)> = PLUGINS
        .iter()
        .filter_map(|plugin| {
            let (set, _) = images.iter().find(|(_, image)| image.contains(plugin.image))?;
            Some((plugin, set.as_str()))
        })
        .collect();
    let prove = "see docs/network.md, and send packets between two tenants to prove it";
    let Some((first, set)) = found.first() else {
        let message = "no known network plugin runs as a DaemonSet: whether NetworkPolicies are enforced is not visible";
        return vec![Problem { remedy: prove.to_owned(), ..Problem::info("", message) }];
    };
    let mut problems = Vec::new();
    if found.iter().all(|(plugin, _)| plugin.enforcement == Enforcement::Never) {
        problems.push(Problem::error(
            *set,
            format!("{} enforces no NetworkPolicies, and no known plugin does: pods of all tenants reach each other", first.name),
            "install a network plugin that enforces NetworkPolicies",
        ));
    }
    let always = found.iter().any(|(plugin, _)| plugin.enforcement == Enforcement::Always);
    for (plugin, set) in found.iter().filter(|_| !always) {
        if let Enforcement::Depends(condition) = plugin.enforcement {
            let message = format!("{} enforces NetworkPolicies under a condition: {condition}", plugin.name);
            problems.push(Problem { remedy: prove.to_owned(), ..Problem::info(*set, message) });
        }
    }
    if runs(images, "calico/node") && settings.calico.is_none() {
        let message = "Calico runs: with `network.calico` each tenant also gets a policy that only denies";
        problems.push(Problem::info("", message));
    }
    problems
}

fn judge_cilium(configuration: Option<&BTreeMap<String, String>>, settings: &Settings) -> Vec<Problem> {
    let object = format!("ConfigMap {KUBE_SYSTEM}/cilium-config");
    let Some(configuration) = configuration else {
        return vec![
            Unread::new(format!("{object} does not exist"), "compare the configuration of Cilium by hand")
                .into(),
        ];
    };
    let value = |key: &str| configuration.get(key).map(String::as_str).unwrap_or_default();
    let mut problems = Vec::new();
    if value("enable-policy") == "never" {
        problems.push(Problem::error(
            object.clone(),
            "has `enable-policy: never`: Cilium enforces no NetworkPolicies",
            "remove `enable-policy`",
        ));
    }
    let matches_nodes = value("policy-cidr-match-mode").split(',').any(|mode| mode.trim() == "nodes");
    if !matches_nodes && !settings.cilium {
        problems.push(Problem::warning(
            object,
            "has no `policy-cidr-match-mode: nodes`, so an `ipBlock` never matches a node: if API servers run on nodes, tenants' \
             pods do not reach them",
            "set `network.cilium: true` in the settings",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severities(images: &[&str]) -> Vec<Severity> {
        let images: Vec<(String, String)> =
            images.iter().map(|image| ("DaemonSet kube-system/x".to_owned(), (*image).to_owned())).collect();
        judge(&images, &Settings::default()).iter().map(|problem| problem.severity).collect()
    }

    #[test]
    fn plugins_are_known_by_their_images() {
        assert_eq!(severities(&["quay.io/cilium/cilium:v1.18.0"]), [Severity::Info; 0]);
        assert_eq!(severities(&["docker.io/calico/node:v3.30.0"]), [Severity::Info]);
        assert_eq!(severities(&["ghcr.io/flannel-io/flannel:v0.27"]), [Severity::Error]);
        assert_eq!(
            severities(&["ghcr.io/flannel-io/flannel:v0.27", "docker.io/calico/node:v3.30"]),
            [Severity::Info]
        );
        assert_eq!(severities(&["docker.io/kindest/kindnetd:v20250512"]), [Severity::Info]);
        assert_eq!(severities(&["registry.example.com/log-agent:1"]), [Severity::Info]);
    }

    #[test]
    fn cilium_must_match_nodes_or_be_named_in_the_settings() {
        let count = |cilium, key: &str, value: &str| {
            let configuration = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            judge_cilium(Some(&configuration), &Settings { cilium, ..Settings::default() }).len()
        };
        assert_eq!(count(false, "policy-cidr-match-mode", "nodes"), 0);
        assert_eq!(count(false, "policy-cidr-match-mode", ""), 1);
        assert_eq!(count(true, "policy-cidr-match-mode", ""), 0);
        assert_eq!(count(true, "enable-policy", "never"), 1);
        assert_eq!(judge_cilium(None, &Settings::default()).len(), 1);
    }
}
