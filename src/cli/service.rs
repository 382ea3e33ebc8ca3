use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
pub(super) struct Service {
    /// The Service in front of the webhook, in Bulkhead's namespace: the API server calls it.
    #[arg(long, default_value = "bulkhead", value_name = "NAME")]
    pub(super) service: String,

    /// The Service's port.
    #[arg(long, default_value_t = 443)]
    pub(super) port: i32,

    /// A PEM file with the certificates that sign the webhook's own; without it something else, such as
    /// cert-manager, must write them into the webhook configurations.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_bundle: Option<PathBuf>,
}
