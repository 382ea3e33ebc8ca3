//! Parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    bulkhead::cli::run(bulkhead::cli::Arguments::parse())
}
