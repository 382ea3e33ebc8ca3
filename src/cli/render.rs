use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::{Outcome, yaml};
use crate::baseline::{desired, desired_of_tenant};
use crate::sources::files;

/// Print the baseline of a tenant's namespaces, as the controller would apply it.
#[derive(Args, Debug)]
pub(super) struct Render {
    /// A file or folder of Tenants, SharedServices, Exemptions, Namespaces and Settings.
    #[arg(long, value_name = "DIR")]
    world: PathBuf,

    /// Only this tenant.
    #[arg(long)]
    tenant: Option<String>,

    /// Only this namespace.
    #[arg(long, short)]
    namespace: Option<String>,
}

impl Render {
    pub(super) fn run(&self) -> Result<Outcome> {
        let world = files::world(&files::read(std::slice::from_ref(&self.world))?)?;
        if let Some(name) = self.tenant.as_deref().filter(|name| world.tenant(name).is_none()) {
            bail!("no tenant `{name}` in {}", self.world.display());
        }
        let mut documents = Vec::new();
        for tenant in
            world.tenants().filter(|known| self.tenant.as_ref().is_none_or(|name| *name == known.name))
        {
            if self.namespace.is_none() {
                for manifest in desired_of_tenant(&world, tenant) {
                    documents.push(yaml(&manifest.object)?);
                }
            }
            let named = |name: &&str| self.namespace.as_ref().is_none_or(|wanted| wanted == name);
            for namespace in world.namespaces_of(&tenant.name).filter(named) {
                for manifest in desired(&world, tenant, namespace) {
                    documents.push(yaml(&manifest.object)?);
                }
            }
        }
        std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
        Ok(Outcome::Clean)
    }
}
