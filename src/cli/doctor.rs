use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use k8s_openapi::jiff::Timestamp;

use super::cluster::Cluster;
use super::exit_status::{ExitStatus, FailOn};
use super::webhook_service;
use crate::doctor::{CHECKS, Check, Counts, Format, Inspection, Writer};

/// Check that the cluster is as Bulkhead needs it.
///
/// Reads the API server, RBAC, the mesh and Bulkhead's own objects, and sends dry runs. It changes nothing. Each finding
/// names what to do. Run it as an administrator of the cluster: a check that cannot read says so.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// Run these checks only, such as webhook-configuration,webhook-probe.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    checks: Vec<String>,

    /// The output format.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,

    /// The findings for which the command exits with 1.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Error)]
    fail_on: FailOn,

    #[command(flatten)]
    webhook_service: webhook_service::Options,

    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead doctor
  bulkhead doctor --fail-on warn -o json
  bulkhead doctor --checks webhook-configuration,webhook-probe";

impl Doctor {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let checks = self.selected()?;
        let inspection = self.inspection().await?;
        let mut writer = Writer::new(std::io::stdout().lock(), self.output);
        for check in &checks {
            writer.write(check.findings(&inspection).await)?;
        }
        let counts = writer.end()?;
        writeln!(std::io::stderr(), "{} checks: {counts}", checks.len())?;
        Ok(self.status(counts))
    }

    fn selected(&self) -> Result<Vec<&'static Check>> {
        if self.checks.is_empty() {
            return Ok(CHECKS.iter().collect());
        }
        let unknown = |name: &str| {
            let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
            format!("no check `{name}`; the checks are {}", names.join(", "))
        };
        self.checks.iter().map(|name| Check::find(name).with_context(|| unknown(name))).collect()
    }

    async fn inspection(&self) -> Result<Inspection> {
        let client = self.cluster.connect().await?;
        // Without a connection no check could say more than this error.
        client.apiserver_version().await.context("failed to reach the API server")?;
        let (_, settings) = self.cluster.settings(&client).await?;
        let settings = Arc::new(settings);
        let Cluster { system_namespace, settings_config_map, .. } = &self.cluster;
        let service = self.webhook_service.in_namespace(system_namespace, settings_config_map).read()?;
        let (cluster, reader, used) = (self.cluster.clone(), client.clone(), Arc::clone(&settings));
        let snapshot =
            async move { cluster.snapshot(&reader, used).await.map_err(|error| format!("{error:#}")) };
        Ok(Inspection::new(client, settings, service, snapshot, Timestamp::now().as_second()))
    }

    fn status(&self, counts: Counts) -> ExitStatus {
        let failures = match self.fail_on {
            FailOn::Error => counts.errors,
            FailOn::Warn => counts.errors + counts.warnings,
        };
        match (counts.unchecked, failures) {
            (0, 0) => ExitStatus::Clean,
            (0, _) => ExitStatus::Violations,
            _ => ExitStatus::Unjudged,
        }
    }
}
