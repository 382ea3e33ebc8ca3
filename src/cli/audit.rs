use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::Client;

use super::cluster::Cluster;
use super::exit_status::ExitStatus;
use crate::audit::{self, AuditScope, Progress};
use crate::report::{self, Format, Writer};
use crate::settings::Settings;
use crate::snapshot::{NamespaceOwner, Snapshot};

/// Judge the existing objects in tenants' namespaces as if they were created now.
#[derive(Args, Debug)]
pub(super) struct Audit {
    /// Audit only the namespaces of this tenant.
    #[arg(long)]
    tenant: Option<String>,

    /// Audit only this namespace.
    #[arg(long, short, conflicts_with = "tenant")]
    namespace: Option<String>,

    /// The output format.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,

    #[command(flatten)]
    cluster: Cluster,
}

impl Audit {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let (client, snapshot) = self.cluster.read().await?;
        let scope = self.scope(&snapshot)?;
        print_unlisted_fields(&client, &snapshot.settings).await?;
        let time = Timestamp::now().as_second();
        let audit = audit::Audit { client: &client, snapshot: &snapshot, time, identities: true };
        print_findings(&audit, &scope, self.output, |_| {}).await
    }

    fn scope(&self, snapshot: &Snapshot) -> Result<AuditScope> {
        if let Some(tenant) = &self.tenant {
            if snapshot.tenant(tenant).is_none() && snapshot.namespaces_of(tenant).next().is_none() {
                bail!("there is no Tenant `{tenant}`");
            }
            return Ok(AuditScope::of_tenant(snapshot, tenant));
        }
        let Some(namespace) = &self.namespace else { return Ok(AuditScope::Everything) };
        match snapshot.owner(namespace) {
            Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_)) => {}
            Some(_) => bail!("the namespace `{namespace}` belongs to no tenant"),
            None => bail!("there is no namespace `{namespace}`"),
        }
        Ok(AuditScope::Namespaces(BTreeSet::from([namespace.clone()])))
    }
}

/// Prints the fields that the cluster serves and neither a table nor the settings list. They are not counted: an object with such a field is a
/// violation of its own.
async fn print_unlisted_fields(client: &Client, settings: &Settings) -> Result<()> {
    let mut to = std::io::stderr();
    match audit::unlisted_fields(client).await {
        Ok(fields) => {
            for field in fields.iter().filter(|field| !settings.allows_field(field.kind, &field.path)) {
                writeln!(to, "{}", report::unlisted_field(field.kind, &field.path))?;
            }
        }
        Err(error) => {
            writeln!(
                to,
                "the fields that the cluster serves are not checked, as `/openapi/v3` failed: {error}"
            )?;
        }
    }
    Ok(())
}

/// Runs the audit and prints its findings and a summary. Passes each finding to `found`.
pub(super) async fn print_findings(
    audit: &audit::Audit<'_>,
    scope: &AuditScope,
    format: Format,
    mut found: impl FnMut(&audit::AuditFinding),
) -> Result<ExitStatus> {
    let mut writer = Writer::new(std::io::stdout().lock(), format);
    let mut written = Ok(());
    let start = Instant::now();
    let take = |finding: audit::AuditFinding| {
        found(&finding);
        if written.is_ok() {
            written = writer.write(&finding.line);
        }
    };
    let Progress { namespaces, objects } = audit.run(scope, take, print_progress).await;
    written?;
    writer.end()?;
    let Writer { violations, unjudged, .. } = writer;
    let rate = objects as u128 * 1000 / start.elapsed().as_millis().max(1);
    writeln!(
        std::io::stderr(),
        "{objects} objects in {namespaces} namespaces judged, {rate} a second: {violations} violations, \
         {unjudged} could not be judged"
    )?;
    Ok(ExitStatus::of(violations, unjudged))
}

/// Shows the progress on a terminal, in one line.
fn print_progress(progress: Progress) {
    let mut to = std::io::stderr();
    if to.is_terminal() {
        let _ = write!(to, "\r{} objects judged\r", progress.objects);
    }
}
