//! Playground: a cluster to try Bulkhead in. Run: `cargo run --example playground`
//!
//! Starts a real control plane, installs Bulkhead, adds Istio, plays a transcript of refusals, and runs with a
//! kubeconfig for each user until Ctrl-C. `--once` ends after the transcript. The exit code is 1 if an answer differs
//! from the expected one.
//!
//! The first run compiles Kubernetes and then Istio. Istio is compiled while Kubernetes runs, and the first refusal
//! does not wait for it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is its user interface")]

mod scenes;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bulkhead_harness::program::Installation;
use bulkhead_harness::{components, progress, tools};

const BUILD: &str = "build the binary `bulkhead`";

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
    let start = Instant::now();
    let once = std::env::args().any(|argument| argument == "--once");
    tools::require(&[&tools::GO])?;
    if !components::steps().is_empty() {
        progress::note(
            "The first run compiles Kubernetes and Istio from source: about 12 minutes on two cores.",
        );
    }
    progress::plan([BUILD.to_owned()].into_iter().chain(Installation::steps()));
    // Downloads Kubernetes' modules while the binary is compiled.
    components::build_in_background();
    let step = progress::begin(BUILD);
    let binary = bulkhead()?;
    step.finish();
    let installation = Installation::start_without_istio(&binary)?;
    progress::note("");

    let mut is_refused = false;
    scenes::play(&installation, |part| {
        progress::print(part);
        if !is_refused && part.contains("denied the request") {
            is_refused = true;
            progress::mark("the first refusal");
            progress::note(&format!(
                "\n[the first refusal, {} s after the start]",
                start.elapsed().as_secs()
            ));
        }
    })?;
    progress::note(&format!("\n{}", progress::summary()));
    if once {
        return Ok(());
    }
    println!("The cluster runs until Ctrl-C. In another terminal:\n");
    for (user, what) in [
        ("admin", "the platform"),
        ("alice", "an owner of acme"),
        ("bob", "an owner of beta"),
        ("carol", "an owner of acme, and an administrator of the cluster"),
    ] {
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

/// The path of the binary under test, built with the profile of this program.
fn bulkhead() -> Result<PathBuf> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bin", "bulkhead"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let status = build.status().context("starting cargo")?;
    ensure!(status.success(), "`cargo build --bin bulkhead` failed: {status}; its output is above");
    let here = std::env::current_exe()?;
    let folder = here
        .parent()
        .and_then(|examples| examples.parent())
        .context("an example is in the folder `examples` of its profile")?;
    Ok(folder.join("bulkhead"))
}
