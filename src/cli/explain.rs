use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;

use super::exit_status::ExitStatus;
use crate::policy::{RULES, Rule};

/// Print the manual of a rule, or the list of all rules.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The code of the rule, such as BH301.
    code: Option<String>,
}

impl Explain {
    pub(super) fn run(&self) -> Result<ExitStatus> {
        let mut out = std::io::stdout().lock();
        match &self.code {
            Some(code) => match Rule::find(code) {
                Some(rule) => write!(out, "{}", rule.manual())?,
                None => bail!("no rule `{code}`; `bulkhead explain` lists all rules"),
            },
            None => {
                for rule in RULES {
                    writeln!(out, "{}  {:<24} {}", rule.code, rule.name, rule.summary())?;
                }
            }
        }
        Ok(ExitStatus::Clean)
    }
}
