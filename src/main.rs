//! Parses the arguments, runs the command and returns its exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    bulkhead::cli::run(bulkhead::cli::Arguments::parse())
}
