use std::path::PathBuf;

use clap::Args;

use crate::controller::WebhookService;

// The address of the webhook. No doc comment, because clap would show it as the command's description.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The webhook's Service, in Bulkhead's namespace.
    #[arg(long, default_value = "bulkhead", value_name = "NAME")]
    service: String,

    /// The port of the Service.
    #[arg(long, default_value_t = 443)]
    port: i32,

    /// A PEM file with the CA certificates of the webhook; `serve` reloads it when it changes. Without it, the controller
    /// sets the CA bundle of the certificates that it issues, or leaves it to another tool.
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
}

impl Options {
    /// Returns the address of a webhook that runs in `namespace`, and that checks the settings in this ConfigMap.
    pub(super) fn in_namespace(&self, namespace: &str, settings_config_map: &str) -> WebhookService {
        WebhookService {
            namespace: namespace.to_owned(),
            service: self.service.clone(),
            port: self.port,
            ca_bundle: self.ca_bundle.clone(),
            issued: None,
            settings_config_map: settings_config_map.to_owned(),
        }
    }
}
