use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Outcome;
use super::audit::tell;
use super::cluster::Cluster;
use crate::api::{Enforcement, Tenant};
use crate::audit::{Audit, Digest, Extent};
use crate::report::Format;

/// Turn an observed tenant to `Enforce`, after a look at what that would refuse.
///
/// Prints what an audit finds among the tenant's pods, workloads and policies, and the digest that
/// `spec.acknowledge` must carry: who keeps Tenants in Git writes it there and needs no more than this.
#[derive(Args, Debug)]
pub(super) struct Enforce {
    /// The Tenant's name.
    tenant: String,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    cluster: Cluster,
}

/// How long the controller may take to find the same.
const AGREEMENT: Duration = Duration::from_mins(5);

impl Enforce {
    pub(super) async fn run(&self) -> Result<Outcome> {
        let (client, world) = self.cluster.read().await?;
        let name = &self.tenant;
        let tenant =
            world.tenant(name).with_context(|| format!("there is no Tenant `{name}` that counts"))?;
        let mut errors = std::io::stderr();
        if !tenant.is_observed() {
            writeln!(errors, "Tenant `{name}` is enforced already")?;
            return Ok(Outcome::Clean);
        }
        let time = Timestamp::now().as_second();
        let audit = Audit { client: &client, world: &world, time, identities: false };
        let extent = Extent::of_tenant(&world, name);
        let mut digest = Digest::default();
        let outcome = tell(&audit, &extent, Format::Text, |finding| digest.take(finding)).await?;
        let digest = digest.text();
        if !digest.is_empty() {
            writeln!(
                errors,
                "What runs goes on running, and is refused when it comes anew. Whoever accepts that writes into the \
                 Tenant:\n\n  spec:\n    enforcement: Enforce\n    acknowledge: {digest}\n"
            )?;
        }
        if !self.yes && !confirmed(&format!("Enforce Tenant `{name}` now?"))? {
            writeln!(errors, "nothing was changed")?;
            return Ok(outcome);
        }
        turn(&client, name, &digest).await?;
        writeln!(errors, "Tenant `{name}` is enforced")?;
        Ok(Outcome::Clean)
    }
}

/// Asks on a terminal; elsewhere nobody answers.
fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(std::io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes it once the controller has found the same: the webhook goes by the Tenant's status.
async fn turn(client: &Client, name: &str, digest: &str) -> Result<()> {
    let tenants = Api::<Tenant>::all(client.clone());
    let end = Instant::now() + AGREEMENT;
    loop {
        let tenant = tenants.get(name).await?;
        match tenant.status.and_then(|status| status.audit) {
            Some(audit) if audit.digest == digest => break,
            found if Instant::now() > end => bail!(
                "the controller does not find the same ({}); look whether it runs with the same settings, and again",
                found.map_or("nothing yet".to_owned(), |audit| format!("{} findings", audit.findings))
            ),
            _ => sleep(Duration::from_secs(1)).await,
        }
    }
    let acknowledge = (!digest.is_empty()).then_some(digest);
    let patch = json!({ "spec": { "enforcement": Enforcement::Enforce, "acknowledge": acknowledge } });
    tenants.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}
