//! The components that the settings name: namespaces, gateways, DNS, and the APIs of network policies and reports.

use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::kinds::Kind;
use crate::settings::{AdminPolicyKind, Calico, Dataplane, KUBE_SYSTEM, Settings};
use crate::snapshot::ClusterEndpoints;
use crate::sources::served_resource;

pub(super) const CHECK: Check = Check {
    name: "declared-components",
    severity: Severity::Error,
    expects: "The cluster has the mesh's root namespace, the accounts of `gateways`, the Service of `egressGateway`, the Services \
              of `network.dns.services`, and serves the kinds of `network.calico`, `network.cilium`, `network.adminNetworkPolicy` \
              and `audit.reports`, and with `Ambient` the Gateway API; and the addresses of the API servers and of DNS are known.",
    run: |inspection| Box::pin(run(inspection)),
};

/// An object that the settings name.
#[derive(Debug, PartialEq, Eq)]
enum Component {
    Namespace(String),
    ServiceAccount(String, String),
    Service(String, String),
}

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let mut problems = Vec::new();
    for (key, component) in components(&inspection.settings) {
        let exists = match &component {
            Component::Namespace(name) => {
                inspection.find::<Namespace>(name).await.map(|found| found.is_some())
            }
            Component::ServiceAccount(namespace, name) => {
                inspection.find_in::<ServiceAccount>(namespace, name).await.map(|found| found.is_some())
            }
            Component::Service(namespace, name) => {
                inspection.find_in::<Service>(namespace, name).await.map(|found| found.is_some())
            }
        };
        match exists {
            Ok(true) => {}
            Ok(false) => problems.push(missing(key, &component)),
            Err(unread) => problems.push(unread.into()),
        }
    }
    for (key, group, version, plural) in declared_kinds(&inspection.settings) {
        let served = served_resource(inspection.client(), group, plural).await;
        let served =
            served.map_err(|error| Unread::request(&format!("failed to read `/apis/{group}`"), &error))?;
        if served.is_none_or(|served| served.version != version) {
            problems.push(Problem::error(
                format!("{plural}.{group}"),
                format!("the cluster does not serve `{group}/{version}`, or prefers another version"),
                format!("correct `{key}`, or install the CustomResourceDefinition of this kind"),
            ));
        }
    }
    problems.extend(judge_addresses(&inspection.snapshot().await?.endpoints));
    Ok(problems)
}

/// Returns the objects, each with the key of the settings.
fn components(settings: &Settings) -> Vec<(&'static str, Component)> {
    let gateways = settings.gateways.iter().map(|gateway| {
        let account = gateway.service_account.clone();
        ("gateways", Component::ServiceAccount(gateway.namespace().to_owned(), account))
    });
    let egress = settings.egress_gateway.iter().map(|gateway| {
        ("egressGateway", Component::Service(gateway.namespace.clone(), gateway.service.clone()))
    });
    let dns = settings.dns.services.iter().map(|name| {
        ("network.dns.services", Component::Service(settings.dns.namespace.clone(), name.clone()))
    });
    let root = ("mesh.rootNamespace", Component::Namespace(settings.mesh_root.clone()));
    gateways.chain(egress).chain(dns).chain([root]).collect()
}

fn missing(key: &str, component: &Component) -> Problem {
    let object = match component {
        Component::Namespace(name) => format!("Namespace {name}"),
        Component::ServiceAccount(namespace, name) => format!("ServiceAccount {namespace}/{name}"),
        Component::Service(namespace, name) => format!("Service {namespace}/{name}"),
    };
    Problem::error(
        object,
        format!("does not exist, and the setting `{key}` names it"),
        format!("create it, or correct `{key}`"),
    )
}

/// Returns the key, group, version and plural name of each kind that the settings name.
fn declared_kinds(settings: &Settings) -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let calico = settings.calico.map(|calico| match calico {
        Calico::ApiServer => ("network.calico", "projectcalico.org", "v3", "globalnetworkpolicies"),
        Calico::Crd => ("network.calico", "crd.projectcalico.org", "v1", "globalnetworkpolicies"),
    });
    let admin = settings.admin_network_policy.map(|kind| {
        let (version, plural) = match kind {
            AdminPolicyKind::AdminNetworkPolicy => ("v1alpha1", "adminnetworkpolicies"),
            AdminPolicyKind::ClusterNetworkPolicy => ("v1alpha2", "clusternetworkpolicies"),
        };
        ("network.adminNetworkPolicy", "policy.networking.k8s.io", version, plural)
    });
    let cilium =
        settings.cilium.then_some(("network.cilium", "cilium.io", "v2", "ciliumclusterwidenetworkpolicies"));
    let reports = settings.reports.map(|kind| {
        let [group, _, plural] = kind.names();
        ("audit.reports", group, kind.version(), plural)
    });
    // The baseline has Gateways.
    let gateway = Kind::KubernetesGateway;
    let gateways = (settings.dataplane == Dataplane::Ambient).then_some((
        "mesh.dataplane",
        gateway.group(),
        gateway.version(),
        gateway.plural(),
    ));
    calico.into_iter().chain(cilium).chain(admin).chain(reports).chain(gateways).collect()
}

/// Judges the addresses to which the baseline allows the traffic of every pod.
fn judge_addresses(endpoints: &ClusterEndpoints) -> Vec<Problem> {
    let mut problems = Vec::new();
    if endpoints.api_servers.is_empty() {
        problems.push(Problem::error(
            "EndpointSlice default/kubernetes",
            "has no addresses, so tenants' pods do not reach the API server",
            "check the flag `--endpoint-reconciler-type` of the API server",
        ));
    }
    if endpoints.dns.is_empty() {
        problems.push(Problem::warning(
            format!("Namespace {KUBE_SYSTEM}"),
            "no Service of `network.dns.services` has an address, so a DNS cache on the node is not reachable",
            "list the Services of the cluster's DNS in `network.dns.services`",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_component_is_looked_up() {
        let yaml = "mesh: { rootNamespace: mesh, dataplane: Ambient }\n\
                    network:\n  dns: { services: [dns] }\n  calico: projectcalico.org/v3\n  cilium: true\n  \
                    adminNetworkPolicy: policy.networking.k8s.io/v1alpha2\n\
                    gateways: [{ name: edge/public, serviceAccount: web, selector: { app: web } }]\n\
                    audit: { reports: openreports.io/v1alpha1 }\n\
                    egressGateway: { namespace: out, service: egress, selector: { app: egress } }";
        let file = serde_saphyr::from_str::<crate::settings::File>(yaml).ok();
        let settings = file.and_then(|file| Settings::try_from(file).ok()).unwrap_or_default();
        let named: Vec<String> =
            components(&settings).iter().map(|(key, component)| missing(key, component).object).collect();
        let expected =
            ["ServiceAccount edge/web", "Service out/egress", "Service kube-system/dns", "Namespace mesh"];
        assert_eq!(named, expected);
        let kinds: Vec<&str> = declared_kinds(&settings).iter().map(|(_, _, _, plural)| *plural).collect();
        let expected = [
            "globalnetworkpolicies",
            "ciliumclusterwidenetworkpolicies",
            "clusternetworkpolicies",
            "reports",
            "gateways",
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn unknown_addresses_are_found() {
        assert_eq!(judge_addresses(&ClusterEndpoints::default()).len(), 2);
    }
}
