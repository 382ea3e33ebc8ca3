//! A cluster to try Bulkhead in: `cargo run --release --example playground`.
//!
//! Starts a real control plane with Istio, installs Bulkhead, plays what it refuses, and stays up with a
//! kubeconfig a user until Ctrl-C. `--once` ends after the transcript; the exit code is 1 if anything was
//! not as expected.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is its user interface")]

mod scenes;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use bulkhead_harness::program::Installation;

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playground: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<()> {
    let once = std::env::args().any(|argument| argument == "--once");
    let installation = Installation::start(&bulkhead()?, |step| eprintln!("{step}"))?;
    eprintln!();
    scenes::play(&installation, |part| print!("{part}"))?;
    if once {
        return Ok(());
    }
    println!("\nThe cluster stays up until Ctrl-C. In another terminal:\n");
    for (user, what) in [("admin", "the platform"), ("alice", "of acme"), ("bob", "of beta")] {
        let kubeconfig = scenes::as_user(&installation, user)?.kubeconfig;
        println!("  export KUBECONFIG={}   # {user}, {what}", kubeconfig.display());
    }
    let kubectl = installation.cluster.kubectl_script()?;
    println!("\nA kubectl of the server's version: {}", kubectl.display());
    for replica in &installation.replicas {
        println!("Metrics: http://{}/metrics", replica.admin);
    }
    loop {
        std::thread::park();
    }
}

/// The binary under test, built as this program was.
fn bulkhead() -> Result<PathBuf> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bin", "bulkhead"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    ensure!(build.status()?.success(), "building bulkhead failed");
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(|examples| examples.parent()).context("a folder of examples")?;
    Ok(folder.join("bulkhead"))
}
