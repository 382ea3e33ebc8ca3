use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::exit_status::ExitStatus;
use super::webhook_service;
use super::yaml::yaml;
use crate::registration;
use crate::settings::Settings;
use crate::sources::files;

/// Print the manifests to install: CRDs, RBAC, webhook configurations.
#[derive(Args, Debug)]
pub(super) struct Manifests {
    /// The parts to print; all by default.
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// The namespace of Bulkhead.
    #[arg(long, short, default_value = "bulkhead-system")]
    namespace: String,

    #[command(flatten)]
    webhook_service: webhook_service::Options,

    /// The settings file, which lists the namespaces and kinds that RBAC and the webhook configurations name.
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
    pub(super) fn run(&self) -> Result<ExitStatus> {
        let settings = self.settings.as_deref().map_or_else(|| Ok(Settings::default()), files::settings)?;
        let service = self.webhook_service.in_namespace(&self.namespace).read()?;
        let mut documents = Vec::new();
        if self.prints(Part::Crds) {
            for crd in registration::crds() {
                documents.push(yaml(&crd)?);
            }
        }
        if self.prints(Part::Rbac) {
            for object in registration::rbac(&self.namespace, &settings) {
                documents.push(yaml(&object)?);
            }
        }
        if self.prints(Part::Webhooks) {
            documents.extend([
                yaml(&registration::validating(&service, &settings, &settings.shared_namespaces))?,
                yaml(&registration::mutating(&service))?,
            ]);
        }
        std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
        Ok(ExitStatus::Clean)
    }

    fn prints(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}
