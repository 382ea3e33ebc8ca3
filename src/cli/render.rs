use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::{Outcome, yaml};
use crate::baseline::{
    Manifest, desired, desired_of_cluster, desired_of_platform, desired_of_service, desired_of_tenant,
    enforced_labels,
};
use crate::sources::files;
use crate::world::{Tenant, World};

/// Print the baseline, as the controller applies it: all of it, or a part.
///
/// For a tenant: its namespaces' labels, what stands in each of them, and what it has beyond them. For a shared
/// service: what stands around it. It is read from YAML files, or from the cluster without --world; nothing is
/// changed there.
#[derive(Args, Debug)]
pub(super) struct Render {
    /// Only this tenant's.
    #[arg(long, value_name = "NAME", group = "part")]
    tenant: Option<String>,

    /// Only what stands in this namespace.
    #[arg(long, short, value_name = "NAME", group = "part")]
    namespace: Option<String>,

    /// Only what stands around this shared service.
    #[arg(long, value_name = "NAME", group = "part")]
    shared_service: Option<String>,

    /// Only what there is once: the mesh's policies, if they are Bulkhead's, and the tenants' share of the API server.
    #[arg(long, group = "part")]
    cluster_wide: bool,

    /// Write one file an object, DIR/NAMESPACE/KIND-NAME.yaml (DIR/_cluster/… without a namespace), instead of
    /// printing; what else is there stays.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,

    /// A file or folder of Tenants, SharedServices, Namespaces and Settings, of the EndpointSlice `default/kubernetes`
    /// and of DNS' Service in `kube-system`, instead of a cluster.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["context", "settings", "system_namespace"])]
    world: Option<PathBuf>,

    #[command(flatten)]
    cluster: Cluster,
}

impl Render {
    pub(super) async fn run(&self) -> Result<Outcome> {
        let (world, place) = if let Some(path) = &self.world {
            let found = files::read(std::slice::from_ref(path))?;
            (Arc::new(files::world(&found)?), path.display().to_string())
        } else {
            (self.cluster.read().await?.1, "the cluster".to_owned())
        };
        let printed = self.printed(&world, &place)?;
        note(&world, &place, self.shown(&world))?;
        match &self.into {
            None => {
                let documents = printed.iter().map(|one| yaml(&one.object)).collect::<Result<Vec<_>>>()?;
                std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
            }
            Some(folder) => {
                let count = write(folder, &printed)?;
                writeln!(std::io::stderr(), "{count} files written into {}", folder.display())?;
            }
        }
        Ok(Outcome::Clean)
    }

    /// The objects that are asked for, in the order the controller applies them.
    fn printed(&self, world: &World, place: &str) -> Result<Vec<Printed>> {
        if let Some(name) = &self.tenant {
            let Some(tenant) = world.tenant(name) else { bail!("no Tenant `{name}` in {place}") };
            return Ok(of_tenant(world, tenant).collect());
        }
        if let Some(name) = &self.shared_service {
            let Some(service) = world.shared_service(name) else {
                bail!("no SharedService `{name}` in {place}")
            };
            return Ok(desired_of_service(world, service).map(Printed::from).collect());
        }
        if self.cluster_wide {
            return Ok(desired_of_cluster(world).into_iter().map(Printed::from).collect());
        }
        let tenants = world.tenants().flat_map(|tenant| of_tenant(world, tenant));
        let all = desired_of_platform(world).map(Printed::from).chain(tenants);
        let Some(namespace) = &self.namespace else { return Ok(all.collect()) };
        let there: Vec<Printed> = all.filter(|one| one.stands_in(namespace)).collect();
        match there.as_slice() {
            [] if world.owner(namespace).is_none() => bail!("no Namespace `{namespace}` in {place}"),
            [] => bail!("nothing of the baseline stands in the namespace `{namespace}`: it is no tenant's"),
            _ => Ok(there),
        }
    }

    /// The tenants of whom something is shown.
    fn shown<'w>(&self, world: &'w World) -> impl Iterator<Item = &'w Tenant> {
        let is_none = self.shared_service.is_some() || self.cluster_wide;
        let is_shown = move |tenant: &&Tenant| {
            let is_named = self.tenant.as_ref().is_none_or(|name| *name == tenant.name);
            let mut namespaces = world.namespaces_of(&tenant.name);
            let is_within = self.namespace.as_ref().is_none_or(|name| namespaces.any(|known| known == name));
            !is_none && is_named && is_within
        };
        world.tenants().filter(is_shown)
    }
}

/// An object as it is printed; of a namespace its labels.
struct Printed {
    /// `None` for an object of the cluster.
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
    fn labels(world: &World, tenant: &Tenant, namespace: &str) -> Self {
        let labels = enforced_labels(&world.settings, tenant);
        let labels: BTreeMap<&str, &str> = labels.map(|label| (label.key, label.value)).collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": labels },
        });
        Self { namespace: Some(namespace.to_owned()), kind: "Namespace", name: namespace.to_owned(), object }
    }

    fn stands_in(&self, namespace: &str) -> bool {
        self.namespace.as_deref() == Some(namespace)
    }

    /// Where it is written, from the folder. Files may say whatever they like of names.
    fn file(&self) -> Result<PathBuf> {
        let folder = self.namespace.as_deref().unwrap_or(CLUSTER);
        let file = format!("{}-{}.yaml", self.kind, self.name).to_lowercase();
        let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        if !is_name(folder) || !is_name(&file) {
            bail!("{} `{}` has no name that a file can have", self.kind, self.name);
        }
        Ok(Path::new(folder).join(file))
    }
}

/// The folder of objects without a namespace: no namespace has this name.
const CLUSTER: &str = "_cluster";

fn of_tenant<'w>(world: &'w World, tenant: &'w Tenant) -> impl Iterator<Item = Printed> + use<'w> {
    let beyond = desired_of_tenant(world, tenant).map(Printed::from);
    let within = world.namespaces_of(&tenant.name).flat_map(move |namespace| {
        let objects = desired(world, tenant, namespace).map(Printed::from);
        std::iter::once(Printed::labels(world, tenant, namespace)).chain(objects)
    });
    beyond.chain(within)
}

/// Writes every object into a file of its own; how many.
fn write(folder: &Path, printed: &[Printed]) -> Result<usize> {
    for one in printed {
        let file = folder.join(one.file()?);
        let text = yaml(&one.object)?;
        let unwritable = || format!("writing {}", file.display());
        fs::create_dir_all(file.parent().unwrap_or(folder)).with_context(unwritable)?;
        fs::write(&file, text).with_context(unwritable)?;
    }
    Ok(printed.len())
}

/// Says what what is printed lacks, and what of it does not stand.
fn note<'w>(world: &World, place: &str, shown: impl Iterator<Item = &'w Tenant>) -> Result<()> {
    let mut to = std::io::stderr();
    let around = &world.surroundings;
    if around.api_servers.is_empty() {
        writeln!(
            to,
            "no EndpointSlice `default/kubernetes` in {place}: the API servers' addresses are missing"
        )?;
    }
    if around.dns.is_empty() {
        let names = world.settings.dns_services.iter().map(|name| format!("`{name}`"));
        let names = names.collect::<Vec<_>>().join(" or ");
        writeln!(to, "no Service {names} of `kube-system` in {place}: DNS' own addresses are missing")?;
    }
    for tenant in shown.filter(|tenant| tenant.is_observed()) {
        writeln!(to, "tenant {} is observed: what is printed of it comes with `Enforce`", tenant.name)?;
    }
    Ok(())
}
