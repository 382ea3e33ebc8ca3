use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::Outcome;
use super::cluster::Cluster;
use crate::audit;

/// Show what `meshWide.denyAll` closes to everybody: the workloads that no `ALLOW` policy in force selects.
///
/// Look while it is `DryRun`: what keeps gateways and the platform open is there by then.
#[derive(Args, Debug)]
pub(super) struct DenyAll {
    #[command(flatten)]
    cluster: Cluster,
}

impl DenyAll {
    pub(super) async fn run(&self) -> Result<Outcome> {
        let (client, world) = self.cluster.read().await?;
        let audit::Closed { workloads, meshed } = match audit::closed(&client, &world).await {
            Ok(closed) => closed,
            Err(error) => {
                writeln!(std::io::stderr(), "AuthorizationPolicies and pods could not be read: {error}")?;
                return Ok(Outcome::Unjudged);
            }
        };
        let mut out = std::io::stdout().lock();
        for ((namespace, workload), pods) in &workloads {
            writeln!(out, "{namespace}/{workload}: no `ALLOW` policy in force selects its pods ({pods})")?;
        }
        let closed: usize = workloads.values().sum();
        writeln!(
            std::io::stderr(),
            "{closed} of {meshed} pods in the mesh are closed to everybody once `meshWide.denyAll` is `Enforce`"
        )?;
        Ok(Outcome::of(closed, 0))
    }
}
