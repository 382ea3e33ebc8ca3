use std::io::Write;
use std::net::{AddrParseError, IpAddr};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::exit_status::ExitStatus;
use super::webhook_service;
use super::yaml::yaml;
use crate::registration::{self, Places};
use crate::settings::{SETTINGS_CONFIG_MAP, Settings};
use crate::sources::files;

/// Print the manifests to install: CRDs, RBAC, webhook configurations, the NetworkPolicy of Bulkhead's pods.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Manifests {
    /// The parts to print; all by default, `network` only with --api-servers.
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

    /// The ConfigMap with the settings in Bulkhead's namespace, whose changes the webhook checks.
    #[arg(long, value_name = "NAME", default_value = SETTINGS_CONFIG_MAP)]
    settings_config_map: String,

    #[command(flatten, next_help_heading = "Callers in the NetworkPolicy")]
    callers: Callers,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead manifests crds | kubectl apply --server-side -f -
  bulkhead manifests rbac --settings settings.yaml
  bulkhead manifests network --api-servers 192.0.2.10";

// No doc comment, because clap would show it as the command's description.
#[derive(Args, Debug)]
struct Callers {
    /// The addresses or CIDRs from which the API servers call the webhook, as its pods see them.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = address_range)]
    api_servers: Vec<IpNet>,

    /// The namespaces whose pods may read the metrics, such as that of Prometheus.
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    metrics_from: Vec<String>,

    /// The port of `serve --listen`.
    #[arg(long, value_name = "PORT", default_value_t = 9443)]
    listen_port: u16,

    /// The port of `serve --admin`.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    admin_port: u16,
}

/// Parses an address, or a range of addresses.
fn address_range(text: &str) -> Result<IpNet, AddrParseError> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Crds,
    Rbac,
    Webhooks,
    Network,
}

impl Manifests {
    pub(super) fn run(&self) -> Result<ExitStatus> {
        let settings = self.settings.as_deref().map_or_else(|| Ok(Settings::default()), files::settings)?;
        let service = self.webhook_service.in_namespace(&self.namespace, &self.settings_config_map).read()?;
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
                yaml(&registration::validating(&service, Places::of_settings(&settings)))?,
                yaml(&registration::mutating(&service))?,
            ]);
        }
        let callers = &self.callers;
        if self.parts.contains(&Part::Network) {
            ensure!(
                !callers.api_servers.is_empty(),
                "`network` needs --api-servers: a policy without them would keep the API servers out"
            );
        }
        if self.prints(Part::Network) && !callers.api_servers.is_empty() {
            let callers = registration::Callers {
                api_servers: callers.api_servers.clone(),
                metrics_from: callers.metrics_from.clone(),
                webhook_port: callers.listen_port,
                admin_port: callers.admin_port,
            };
            documents.push(yaml(&registration::network_policy(&self.namespace, &callers))?);
        }
        std::io::stdout().write_all(documents.join("---\n").as_bytes())?;
        Ok(ExitStatus::Clean)
    }

    fn prints(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}
