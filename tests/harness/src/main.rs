//! Checks that the components of the tests can be had, without a compiler: `cargo run -p bulkhead-harness -- download`.
//! `-- tools` checks the tools that the playground and the tests call.

use std::process::ExitCode;

use anyhow::{Result, bail};
use bulkhead_harness::{components, tools};

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bulkhead-harness: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<&str>) -> Result<()> {
    match command {
        Some("tools") => {
            tools::require(&[&tools::GO])?;
            tools::require(&tools::PACKETS)
        }
        Some("download") => {
            tools::require(&[&tools::GO, &tools::PYTHON])?;
            components::download_all(|name, place| println!("{name}: {place}"))
        }
        _ => bail!("usage: bulkhead-harness tools|download"),
    }
}
