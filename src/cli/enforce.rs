use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::audit::print_findings;
use super::cluster::Cluster;
use super::exit_status::{ExitStatus, FailOn};
use crate::api::{Enforcement, Tenant};
use crate::audit::{Audit, AuditScope, AuditedObject, Digest};
use crate::report::Format;

/// Change an observed tenant to `Enforce`, after an audit of its objects.
///
/// Prints the findings among the tenant's pods, workloads and policies, and their digest, which
/// `spec.acknowledgedFindings` must hold. For Tenants in Git, set both fields there instead of confirming.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Enforce {
    /// The name of the Tenant.
    tenant: String,

    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead enforce payments
  bulkhead enforce payments --yes";

/// Time limit for the controller's audit to reach the same result.
const CONFIRM_TIMEOUT: Duration = Duration::from_mins(5);

impl Enforce {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let (client, snapshot) = self.cluster.read().await?;
        let name = &self.tenant;
        let tenant = snapshot.tenant(name).with_context(|| format!("there is no active Tenant `{name}`"))?;
        let mut errors = std::io::stderr();
        if !tenant.is_observed() {
            writeln!(errors, "Tenant `{name}` is enforced already")?;
            return Ok(ExitStatus::Clean);
        }
        let time = Timestamp::now().as_second();
        let audit = Audit { client: &client, snapshot: &snapshot, time, identities: false };
        let scope = AuditScope::of_tenant(&snapshot, name);
        let mut digest = Digest::default();
        let add = |object: &mut AuditedObject| digest.add(object);
        let counts = print_findings(&audit, &scope, Format::Text, add).await?;
        let digest = digest.text();
        if !digest.is_empty() {
            writeln!(
                errors,
                "Running workloads keep running, but those with findings are refused when they are created again. To \
                 accept that, set in the Tenant:\n\n  spec:\n    enforcement: Enforce\n    acknowledgedFindings: {digest}\n"
            )?;
        }
        if !self.yes && !confirmed(&format!("Enforce Tenant `{name}` now?"))? {
            writeln!(errors, "nothing was changed")?;
            return Ok(ExitStatus::of(counts, FailOn::Warn));
        }
        set_enforced(&client, name, &digest).await?;
        writeln!(errors, "Tenant `{name}` is enforced")?;
        Ok(ExitStatus::Clean)
    }
}

/// Asks on a terminal. Returns `false` elsewhere.
fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(std::io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Updates the Tenant once the controller's audit has the same digest, because the webhook reads it from the status.
async fn set_enforced(client: &Client, name: &str, digest: &str) -> Result<()> {
    let tenants = Api::<Tenant>::all(client.clone());
    let end = Instant::now() + CONFIRM_TIMEOUT;
    loop {
        let tenant = tenants.get(name).await?;
        match tenant.status.and_then(|status| status.audit) {
            Some(audit) if audit.digest == digest => break,
            found if Instant::now() > end => bail!(
                "the controller's audit differs ({}); check that it runs with the same settings, then try again",
                found.map_or("no result yet".to_owned(), |audit| format!("{} findings", audit.findings))
            ),
            _ => sleep(Duration::from_secs(1)).await,
        }
    }
    let acknowledged_findings = (!digest.is_empty()).then_some(digest);
    let patch = json!({ "spec": { "enforcement": Enforcement::Enforce, "acknowledgedFindings": acknowledged_findings } });
    tenants.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}
