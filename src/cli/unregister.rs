use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::cluster::Connection;
use super::exit_status::ExitStatus;
use crate::controller;

/// Delete the webhook configurations, so that you can delete the rest of Bulkhead.
///
/// Deletes the ClusterRole `bulkhead-controller` first, without which the controller does not create them again. From then
/// on the API server admits all writes. Tenants and baselines stay.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Unregister {
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead unregister
  bulkhead unregister --context production";

impl Unregister {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let client = self.connection.connect().await?;
        controller::unregister(&client).await?;
        writeln!(std::io::stdout(), "the webhook configurations are deleted; nothing is judged any more")?;
        Ok(ExitStatus::Clean)
    }
}
