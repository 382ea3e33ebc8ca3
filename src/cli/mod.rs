//! The command line, one file for each command. Only this folder connects the parts of the program.

mod audit;
mod check;
mod cluster;
mod completion;
mod deny_all;
mod doctor;
mod enforce;
mod exit_status;
mod explain;
mod man;
mod manifests;
mod render;
mod serve;
mod snapshot;
mod unregister;
mod webhook_service;
mod whoami;
mod yaml;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::Builder;

use exit_status::ExitStatus;

/// Isolates tenants on a shared Kubernetes cluster that runs Istio.
#[derive(Debug, Parser)]
#[command(name = "bulkhead", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  no violations
  1  violations; with `--fail-on warn`, also warnings
  2  error of usage or configuration
  3  some objects could not be judged; with `check --strict`, also kinds that no rule judges, and documents that are no
     objects";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Audit(audit::Audit),
    Check(check::Check),
    Completion(completion::Completion),
    DenyAll(deny_all::DenyAll),
    Doctor(Box<doctor::Doctor>),
    Enforce(enforce::Enforce),
    Explain(explain::Explain),
    Man(man::Man),
    Manifests(manifests::Manifests),
    Render(Box<render::Render>),
    Snapshot(snapshot::Snapshot),
    Unregister(unregister::Unregister),
    Whoami(whoami::Whoami),
}

impl Arguments {
    /// Parses the arguments of a process, or prints help or an error and ends it. As a plugin of kubectl, whose file is
    /// named `kubectl-bulkhead`, the usage lines begin with `kubectl bulkhead`.
    pub fn of_process(arguments: Vec<OsString>) -> Self {
        let file_name = arguments.first().and_then(|path| Path::new(path).file_stem());
        let is_plugin = file_name.and_then(OsStr::to_str) == Some("kubectl-bulkhead");
        let command = Self::command();
        let command = if is_plugin { command.bin_name("kubectl bulkhead") } else { command };
        let parsed = Self::from_arg_matches(&command.get_matches_from(arguments));
        parsed.unwrap_or_else(|error| error.exit())
    }
}

/// Runs the command.
pub fn run(arguments: Arguments) -> ExitCode {
    let outcome = match arguments.command {
        Command::Serve(serve) => serve.run(),
        Command::Audit(audit) => block_on(audit.run()),
        Command::Check(check) => check.run(),
        Command::Completion(completion) => completion.run(Arguments::command()),
        Command::DenyAll(deny_all) => block_on(deny_all.run()),
        Command::Doctor(doctor) => block_on(doctor.run()),
        Command::Enforce(enforce) => block_on(enforce.run()),
        Command::Explain(explain) => explain.run(),
        Command::Man(man) => man.run(Arguments::command()),
        Command::Manifests(manifests) => manifests.run(),
        Command::Render(render) => block_on(render.run()),
        Command::Snapshot(snapshot) => block_on(snapshot.run()),
        Command::Unregister(unregister) => block_on(unregister.run()),
        Command::Whoami(whoami) => block_on(whoami.run()),
    };
    match outcome {
        Ok(ExitStatus::Clean) => ExitCode::SUCCESS,
        Ok(ExitStatus::Violations) => ExitCode::from(1),
        Ok(ExitStatus::Unjudged) => ExitCode::from(3),
        // The reader closed the pipe, and needs no more output.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(is_broken_pipe) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bulkhead: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs a command that reads from a cluster.
fn block_on(command: impl Future<Output = Result<ExitStatus>>) -> Result<ExitStatus> {
    Builder::new_current_thread().enable_all().build()?.block_on(command)
}

fn is_broken_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}
