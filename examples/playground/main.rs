//! Playground: a cluster to try Bulkhead in. Run: `cargo run --release --example playground`
//!
//! Starts a real control plane with Istio, installs Bulkhead, and plays a transcript of admitted and refused requests.
//! The cluster then runs until Ctrl-C, with a kubeconfig for each user. `--once` ends after the transcript. The exit
//! code is 1 if a command did not have the expected result.

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

/// Builds the binary to try, with the same profile as this program.
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
