use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;

use super::exit_status::ExitStatus;
use crate::kinds::Kind;
use crate::policy::{RULES, Rule};
use crate::report::{fields_text, kinds_with_fields};

/// Print the manual of a rule, the list of all rules, or the treatment of a kind's fields.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The code of the rule, such as BH301.
    #[arg(conflicts_with = "fields")]
    code: Option<String>,

    /// Print the treatment of every field of this kind, such as VirtualService.
    #[arg(long, value_name = "KIND")]
    fields: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead explain
  bulkhead explain BH301
  bulkhead explain --fields VirtualService";

impl Explain {
    pub(super) fn run(&self) -> Result<ExitStatus> {
        let mut out = std::io::stdout().lock();
        match (&self.fields, &self.code) {
            (Some(name), _) => {
                let kinds: Vec<Kind> =
                    kinds_with_fields().filter(|kind| kind.name().eq_ignore_ascii_case(name)).collect();
                if kinds.is_empty() {
                    let names: Vec<&str> = kinds_with_fields().map(Kind::name).collect();
                    bail!(
                        "Bulkhead does not judge a kind `{name}`; it judges {}. The pod templates of a kind in the \
                         setting `podTemplates` have the fields of a PodTemplate",
                        names.join(", ")
                    );
                }
                write!(out, "{}", fields_text(&kinds))?;
            }
            (None, Some(code)) => match Rule::find(code) {
                Some(rule) => write!(out, "{}", rule.manual())?,
                None => bail!("no rule `{code}`; `bulkhead explain` lists all rules"),
            },
            (None, None) => {
                for rule in RULES {
                    writeln!(out, "{}  {:<24} {}", rule.code(), rule.name(), rule.summary())?;
                }
            }
        }
        Ok(ExitStatus::Clean)
    }
}
