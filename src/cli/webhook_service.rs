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

    /// A PEM file with the CA certificates of the webhook; `serve` reloads it when it changes. Without it, another
    /// tool, such as cert-manager, must set the CA bundle in the webhook configurations.
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
}

impl Options {
    /// Returns the address of a webhook that runs in `namespace`.
    pub(super) fn in_namespace(&self, namespace: &str) -> WebhookService {
        WebhookService {
            namespace: namespace.to_owned(),
            service: self.service.clone(),
            port: self.port,
            ca_bundle: self.ca_bundle.clone(),
        }
    }
}
