use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::exit_status::ExitStatus;
use super::yaml::yaml;
use crate::baseline::{
    Manifest, desired_for_cluster, desired_for_namespace, desired_for_platform, desired_for_service,
    desired_for_tenant, enforced_labels,
};
use crate::snapshot::{Snapshot, Tenant};
use crate::sources::files;

/// Print the baseline as the controller applies it, all of it or a part.
///
/// For a tenant: the labels and objects of its namespaces, and its cluster-wide objects. For a shared service: the
/// objects that protect it. Reads YAML files with --snapshot, else the cluster, and changes nothing there.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Render {
    /// Print only the objects of this tenant.
    #[arg(long, value_name = "NAME", group = "part")]
    tenant: Option<String>,

    /// Print only the objects in this namespace.
    #[arg(long, short, value_name = "NAME", group = "part")]
    namespace: Option<String>,

    /// Print only the objects that protect this shared service.
    #[arg(long, value_name = "NAME", group = "part")]
    shared_service: Option<String>,

    /// Print only cluster-wide objects: the mesh-wide policies, if Bulkhead manages them, and the tenants' priority
    /// level at the API server.
    #[arg(long, group = "part")]
    cluster_wide: bool,

    /// Instead of printing, write each object to DIR/NAMESPACE/KIND-NAME.yaml, or to DIR/_cluster/… if it has no
    /// namespace; other files in DIR stay.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,

    /// Read from this file or folder instead of a cluster: Tenants, SharedServices, Namespaces, Settings, the
    /// EndpointSlice `default/kubernetes`, and the DNS Service in `kube-system`.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kubeconfig", "context", "settings", "settings_config_map", "system_namespace"])]
    snapshot: Option<PathBuf>,

    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead render --tenant payments
  bulkhead render --snapshot snapshot.yaml --output-dir baseline/";

impl Render {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let (snapshot, source) = if let Some(path) = &self.snapshot {
            let found = files::read(std::slice::from_ref(path))?;
            (Arc::new(files::snapshot(&found)?), path.display().to_string())
        } else {
            (self.cluster.read().await?.1, "the cluster".to_owned())
        };
        let printed = self.printed(&snapshot, &source)?;
        print_warnings(&snapshot, &source, self.shown_tenants(&snapshot))?;
        match &self.output_dir {
            None => {
                let documents = printed.iter().map(|item| yaml(&item.object)).collect::<Result<Vec<_>>>()?;
                std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
            }
            Some(folder) => {
                let count = write(folder, &printed)?;
                writeln!(std::io::stderr(), "{count} files written into {}", folder.display())?;
            }
        }
        Ok(ExitStatus::Clean)
    }

    /// Returns the requested objects, in the order in which the controller applies them.
    fn printed(&self, snapshot: &Snapshot, source: &str) -> Result<Vec<Printed>> {
        if let Some(name) = &self.tenant {
            let Some(tenant) = snapshot.tenant(name) else { bail!("no Tenant `{name}` in {source}") };
            return Ok(of_tenant(snapshot, tenant).collect());
        }
        if let Some(name) = &self.shared_service {
            let Some(service) = snapshot.shared_service(name) else {
                bail!("no SharedService `{name}` in {source}")
            };
            return Ok(desired_for_service(snapshot, service).map(Printed::from).collect());
        }
        if self.cluster_wide {
            return Ok(desired_for_cluster(snapshot).into_iter().map(Printed::from).collect());
        }
        let tenants = snapshot.tenants().flat_map(|tenant| of_tenant(snapshot, tenant));
        let all = desired_for_platform(snapshot).map(Printed::from).chain(tenants);
        let Some(namespace) = &self.namespace else { return Ok(all.collect()) };
        let matching: Vec<Printed> = all.filter(|item| item.is_in_namespace(namespace)).collect();
        match matching.as_slice() {
            [] if snapshot.owner(namespace).is_none() => bail!("no Namespace `{namespace}` in {source}"),
            [] => bail!("the namespace `{namespace}` has no baseline, because it belongs to no tenant"),
            _ => Ok(matching),
        }
    }

    /// Returns the tenants whose objects are printed.
    fn shown_tenants<'w>(&self, snapshot: &'w Snapshot) -> impl Iterator<Item = &'w Tenant> {
        let is_none = self.shared_service.is_some() || self.cluster_wide;
        let is_shown = move |tenant: &&Tenant| {
            let is_named = self.tenant.as_ref().is_none_or(|name| *name == tenant.name);
            let mut namespaces = snapshot.namespaces_of(&tenant.name);
            let is_within = self.namespace.as_ref().is_none_or(|name| namespaces.any(|known| known == name));
            !is_none && is_named && is_within
        };
        snapshot.tenants().filter(is_shown)
    }
}

/// An object to print. A Namespace has only its labels.
struct Printed {
    /// `None` for a cluster-wide object.
    namespace: Option<String>,
    kind: &'static str,
    name: String,
    object: Value,
}

impl From<Manifest> for Printed {
    fn from(manifest: Manifest) -> Self {
        let Manifest { kind, namespace, name, object } = manifest;
        Self { namespace, kind: kind.name(), name, object }
    }
}

impl Printed {
    fn labels(snapshot: &Snapshot, tenant: &Tenant, namespace: &str) -> Self {
        let labels = enforced_labels(&snapshot.settings, tenant);
        let labels: BTreeMap<&str, &str> = labels.map(|label| (label.key, label.value)).collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": labels },
        });
        Self { namespace: Some(namespace.to_owned()), kind: "Namespace", name: namespace.to_owned(), object }
    }

    fn is_in_namespace(&self, namespace: &str) -> bool {
        self.namespace.as_deref() == Some(namespace)
    }

    /// Returns the path of its file in the folder. Checks the names, because files may contain any.
    fn file(&self) -> Result<PathBuf> {
        let folder = self.namespace.as_deref().unwrap_or(CLUSTER_FOLDER);
        let file = format!("{}-{}.yaml", self.kind, self.name).to_lowercase();
        let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        if !is_name(folder) || !is_name(&file) {
            bail!("the name of {} `{}` cannot be a file name", self.kind, self.name);
        }
        Ok(Path::new(folder).join(file))
    }
}

/// The folder of objects without a namespace: no namespace has this name.
const CLUSTER_FOLDER: &str = "_cluster";

fn of_tenant<'w>(snapshot: &'w Snapshot, tenant: &'w Tenant) -> impl Iterator<Item = Printed> + use<'w> {
    let cluster_wide = desired_for_tenant(snapshot, tenant).map(Printed::from);
    let namespaced = snapshot.namespaces_of(&tenant.name).flat_map(move |namespace| {
        let objects = desired_for_namespace(snapshot, tenant, namespace).map(Printed::from);
        std::iter::once(Printed::labels(snapshot, tenant, namespace)).chain(objects)
    });
    cluster_wide.chain(namespaced)
}

/// Writes each object to its own file. Returns the number of files.
fn write(folder: &Path, printed: &[Printed]) -> Result<usize> {
    for item in printed {
        let file = folder.join(item.file()?);
        let text = yaml(&item.object)?;
        let unwritable = || format!("failed to write {}", file.display());
        fs::create_dir_all(file.parent().unwrap_or(folder)).with_context(unwritable)?;
        fs::write(&file, text).with_context(unwritable)?;
    }
    Ok(printed.len())
}

/// Warns about incomplete output.
fn print_warnings<'w>(
    snapshot: &Snapshot,
    source: &str,
    shown_tenants: impl Iterator<Item = &'w Tenant>,
) -> Result<()> {
    let mut to = std::io::stderr();
    let endpoints = &snapshot.endpoints;
    if endpoints.api_servers.is_empty() {
        writeln!(
            to,
            "no EndpointSlice `default/kubernetes` in {source}: the output lacks the addresses of the API servers"
        )?;
    }
    if endpoints.dns.is_empty() {
        let dns = &snapshot.settings.dns;
        let names = dns.services.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        writeln!(
            to,
            "no Service {names} of `{}` in {source}: the output lacks the addresses of DNS",
            dns.namespace
        )?;
    }
    for tenant in shown_tenants.filter(|tenant| tenant.is_observed()) {
        writeln!(
            to,
            "tenant {} is observed: the controller applies its objects only after `enforcement: Enforce`",
            tenant.name
        )?;
    }
    Ok(())
}
