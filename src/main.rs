//! Parses the arguments, runs the command and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bulkhead::cli::run(bulkhead::cli::Arguments::of_process(std::env::args_os().collect()))
}
