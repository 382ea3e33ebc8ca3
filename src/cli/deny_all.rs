use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::cluster::Cluster;
use super::exit_status::ExitStatus;
use crate::audit;

/// List the workloads that `meshWide.denyAll` closes: those that no `ALLOW` policy in force selects.
///
/// Run it while `meshWide.denyAll` is `DryRun`: the policies that keep gateways and the platform open then exist.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DenyAll {
    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead deny-all";

impl DenyAll {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let (client, snapshot) = self.cluster.read().await?;
        let audit::DenyAllImpact { workloads, meshed_pods } =
            match audit::assess_deny_all(&client, &snapshot).await {
                Ok(blocked) => blocked,
                Err(error) => {
                    writeln!(std::io::stderr(), "failed to read AuthorizationPolicies and pods: {error}")?;
                    return Ok(ExitStatus::Unjudged);
                }
            };
        let mut out = std::io::stdout().lock();
        for ((namespace, workload), pods) in &workloads {
            writeln!(out, "{namespace}/{workload}: no `ALLOW` policy in force selects its pods ({pods})")?;
        }
        let blocked: usize = workloads.values().sum();
        writeln!(
            std::io::stderr(),
            "{blocked} of {meshed_pods} pods in the mesh accept no calls once `meshWide.denyAll` is `Enforce`"
        )?;
        Ok(if blocked == 0 { ExitStatus::Clean } else { ExitStatus::Violations })
    }
}
