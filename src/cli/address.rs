use std::path::PathBuf;

use clap::Args;

use crate::controller::Address;

// Where the API server finds the webhook. No doc comment: clap would show it as the command's own.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The Service in front of the webhook, in Bulkhead's namespace: the API server calls it.
    #[arg(long, default_value = "bulkhead", value_name = "NAME")]
    service: String,

    /// The Service's port.
    #[arg(long, default_value_t = 443)]
    port: i32,

    /// A PEM file with the certificates that sign the webhook's own, followed by `serve`; without it something
    /// else, such as cert-manager, must write them into the webhook configurations.
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
}

impl Options {
    /// The address of a webhook that runs in `namespace`.
    pub(super) fn within(&self, namespace: &str) -> Address {
        Address {
            namespace: namespace.to_owned(),
            service: self.service.clone(),
            port: self.port,
            ca_bundle: self.ca_bundle.clone(),
        }
    }
}
