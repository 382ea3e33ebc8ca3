//! Doctor: compares a cluster with the one that Bulkhead needs. Each file has one check: a part that reads, and a pure
//! part that judges what was read. Nothing is changed: the probes are dry runs.

mod api_server_version;
mod check;
mod controller_lease;
mod declared_components;
mod finding;
mod injector;
mod inspection;
mod installation;
mod istiod;
mod mesh;
mod mesh_configuration;
mod mesh_wide_policies;
mod network_plugin;
mod node_restriction;
mod pod_probe;
mod powers;
mod privileged_accounts;
mod rbac;
mod served_fields;
mod shadowing_policies;
mod tenant_kinds;
mod waypoints;
mod webhook_certificate;
mod webhook_configuration;
mod webhook_probe;
mod writer;

pub use check::Check;
pub use finding::{Finding, Problem, Severity, Unread};
pub use inspection::Inspection;
pub use writer::{Counts, Format, Writer};

/// Every check, in the order in which they run.
pub const CHECKS: &[Check] = &[
    api_server_version::CHECK,
    installation::CHECK,
    webhook_configuration::CHECK,
    webhook_certificate::CHECK,
    webhook_probe::CHECK,
    pod_probe::CHECK,
    controller_lease::CHECK,
    node_restriction::CHECK,
    privileged_accounts::CHECK,
    tenant_kinds::CHECK,
    served_fields::CHECK,
    injector::CHECK,
    istiod::CHECK,
    mesh_configuration::CHECK,
    mesh_wide_policies::CHECK,
    waypoints::CHECK,
    shadowing_policies::CHECK,
    declared_components::CHECK,
    network_plugin::CHECK,
];

impl Check {
    pub fn find(name: &str) -> Option<&'static Self> {
        CHECKS.iter().find(|check| check.name == name)
    }

    /// Runs the check. A part of the cluster that cannot be read is a finding too.
    pub async fn findings(&self, inspection: &Inspection) -> Vec<Finding> {
        let problems = (self.run)(inspection).await.unwrap_or_else(|unread| vec![unread.into()]);
        problems.into_iter().map(|problem| Finding { check: self.name, problem }).collect()
    }
}
