use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::ApiResource;

use super::cluster::Cluster;
use super::exit_status::{ExitStatus, FailOn};
use crate::audit::{self, AuditScope, AuditedObject, Progress, UnknownKind};
use crate::policy::Rule;
use crate::report::{self, Counts, Detail, Finding, Format, Writer};
use crate::settings::Settings;
use crate::snapshot::{NamespaceOwner, Snapshot};

/// Judge the existing objects in tenants' namespaces as if they were created now.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Audit {
    /// Audit only the namespaces of this tenant.
    #[arg(long)]
    tenant: Option<String>,

    /// Audit only this namespace.
    #[arg(long, short, conflicts_with = "tenant")]
    namespace: Option<String>,

    /// Report violations of these rules only, such as those that a new version adds: BH305,BH307.
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    rules: Vec<String>,

    /// The output format.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,

    /// The findings for which the command exits with 1.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Warn)]
    fail_on: FailOn,

    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead audit
  bulkhead audit --tenant payments -o json
  bulkhead audit -n payments --rules BH301,BH302 --fail-on error";

impl Audit {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let (client, snapshot) = self.cluster.read().await?;
        let scope = self.scope(&snapshot)?;
        let rules = self.rules()?;
        print_unlisted_fields(&client, &snapshot.settings).await?;
        let time = Timestamp::now().as_second();
        let audit = audit::Audit { client: &client, snapshot: &snapshot, time, identities: true };
        let is_selected = |finding: &Finding| match &finding.detail {
            Detail::Violation(violation, _) => rules.is_empty() || rules.contains(violation.code),
            Detail::Unjudged(_) => true,
        };
        let select = |object: &mut AuditedObject| object.object.findings.retain(is_selected);
        let counts = print_findings(&audit, &scope, self.output, select).await?;
        print_unknown_kinds(&audit, &scope).await?;
        Ok(ExitStatus::of(counts, self.fail_on))
    }

    /// Returns the codes of the selected rules; none for all rules.
    fn rules(&self) -> Result<BTreeSet<&'static str>> {
        let find = |code: &String| match Rule::find(code) {
            Some(rule) => Ok(rule.code()),
            None => bail!("no rule `{code}`; `bulkhead explain` lists all rules"),
        };
        self.rules.iter().map(find).collect()
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

/// Prints the kinds of objects in tenants' namespaces that neither a rule nor the settings know. They are not counted: their
/// objects violate no rule.
async fn print_unknown_kinds(audit: &audit::Audit<'_>, scope: &AuditScope) -> Result<()> {
    let mut to = std::io::stderr();
    match audit.unknown_kinds(scope).await {
        Ok(kinds) => {
            for UnknownKind { resource: ApiResource { group, kind, plural, .. }, objects } in kinds {
                let note = match objects {
                    Ok(objects) => report::unknown_kind([&group, &kind, &plural], objects),
                    Err(error) => format!("{kind} ({group}): the objects could not be counted: {error}"),
                };
                writeln!(to, "{note}")?;
            }
        }
        Err(error) => {
            writeln!(to, "the kinds that the cluster serves are not checked, as `/apis` failed: {error}")?;
        }
    }
    Ok(())
}

/// Runs the audit and prints a summary, and the findings that `select` leaves in each object. Returns their numbers.
pub(super) async fn print_findings(
    audit: &audit::Audit<'_>,
    scope: &AuditScope,
    format: Format,
    mut select: impl FnMut(&mut AuditedObject),
) -> Result<Counts> {
    let mut writer = Writer::new(std::io::stdout().lock(), format);
    let mut written = Ok(());
    let start = Instant::now();
    let take = |mut object: AuditedObject| {
        select(&mut object);
        if written.is_ok() {
            written = writer.write(object.object);
        }
    };
    let Progress { namespaces, objects } = audit.run(scope, take, print_progress).await;
    written?;
    let counts = writer.end()?;
    let rate = objects as u128 * 1000 / start.elapsed().as_millis().max(1);
    writeln!(
        std::io::stderr(),
        "{objects} objects in {namespaces} namespaces judged, {rate} a second: {counts}"
    )?;
    Ok(counts)
}

/// Shows the progress on a terminal, in one line.
fn print_progress(progress: Progress) {
    let mut to = std::io::stderr();
    if to.is_terminal() {
        let _ = write!(to, "\r{} objects judged\r", progress.objects);
    }
}
