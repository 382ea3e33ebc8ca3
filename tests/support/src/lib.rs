//! Builders and helpers that the three test targets share, compiled once.

#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

pub mod api;
pub mod applications;
pub mod book;
pub mod chart;
pub mod cluster;
pub mod collector;
pub mod command;
pub mod conditions;
pub mod deny_all;
pub mod documents;
pub mod host_names;
pub mod judging;
pub mod links;
pub mod metrics;
pub mod objects;
pub mod random;
pub mod recipes;
pub mod refusal;
pub mod rendered;
pub mod review;
pub mod self_managed;
pub mod shell;
pub mod snapshot_files;
pub mod wait;
pub mod weakening;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The binary under test. Cargo names it to every integration test that it runs.
pub static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let binary = std::env::var_os("CARGO_BIN_EXE_bulkhead");
    binary.expect("run the tests with `cargo test`, which sets CARGO_BIN_EXE_bulkhead").into()
});

/// Tenants, namespaces and settings that many tests judge in.
pub const WORLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/snapshot");
/// The settings of that world.
pub const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/snapshot/settings.yaml");

/// The settings of the example, for a mesh with this dataplane.
pub fn settings_with_dataplane(dataplane: &str) -> String {
    let example = std::fs::read_to_string(SETTINGS).unwrap();
    let settings = example.replace("\nmesh:\n", &format!("\nmesh:\n  dataplane: {dataplane}\n"));
    assert_ne!(settings, example);
    settings
}

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Tells people a result. The output of `eprintln` is not shown for a test that passes.
pub fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
