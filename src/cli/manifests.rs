use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::place::Place;
use super::{Outcome, yaml};
use crate::registration::{self, Service};
use crate::settings::Settings;
use crate::sources::files;

/// Print what a cluster must be told: CRDs, RBAC, webhook configurations.
#[derive(Args, Debug)]
pub(super) struct Manifests {
    /// What to print; all of it unless named.
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// The namespace Bulkhead runs in.
    #[arg(long, short, default_value = "bulkhead-system")]
    namespace: String,

    #[command(flatten)]
    place: Place,

    /// The settings file: which namespaces are guarded by name.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Crds,
    Rbac,
    Webhooks,
}

impl Manifests {
    pub(super) fn run(&self) -> Result<Outcome> {
        let ca_bundle = match &self.place.ca_bundle {
            Some(file) => Some(std::fs::read(file).with_context(|| file.display().to_string())?),
            None => None,
        };
        let settings = self.settings.as_deref().map_or_else(|| Ok(Settings::default()), files::settings)?;
        let service = Service {
            namespace: self.namespace.clone(),
            name: self.place.service.clone(),
            port: self.place.port,
            ca_bundle,
        };
        let mut documents = Vec::new();
        if self.prints(Part::Crds) {
            for crd in registration::crds() {
                documents.push(yaml(&crd)?);
            }
        }
        if self.prints(Part::Rbac) {
            for object in registration::rbac(&self.namespace) {
                documents.push(yaml(&object)?);
            }
        }
        if self.prints(Part::Webhooks) {
            documents.extend([
                yaml(&registration::validating(&service, &settings))?,
                yaml(&registration::mutating(&service, &settings))?,
            ]);
        }
        std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
        Ok(Outcome::Clean)
    }

    fn prints(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}
