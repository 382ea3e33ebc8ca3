use std::io::Write;

use anyhow::Result;
use clap::Args;
use clap_complete::{Shell, generate};

use super::exit_status::ExitStatus;

/// Print the script with which a shell completes the commands and options of `bulkhead`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completion {
    /// The shell.
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(bulkhead completion bash)
  bulkhead completion zsh > \"${fpath[1]}/_bulkhead\"
  bulkhead completion fish > ~/.config/fish/completions/bulkhead.fish
  bulkhead completion powershell | Out-String | Invoke-Expression";

impl Completion {
    pub(super) fn run(&self, mut command: clap::Command) -> Result<ExitStatus> {
        let mut script = Vec::new();
        generate(self.shell, &mut command, "bulkhead", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(ExitStatus::Clean)
    }
}
