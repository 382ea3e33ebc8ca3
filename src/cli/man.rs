use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::exit_status::ExitStatus;

/// Write the manual pages, one a command, into a folder.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Man {
    /// The folder, which must exist.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead man /usr/local/share/man/man1
  man bulkhead-check";

impl Man {
    pub(super) fn run(&self, command: clap::Command) -> Result<ExitStatus> {
        clap_mangen::generate_to(command, &self.folder)
            .with_context(|| format!("failed to write into {}", self.folder.display()))?;
        Ok(ExitStatus::Clean)
    }
}
