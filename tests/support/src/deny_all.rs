//! The mesh-wide deny-all policy: its setting, and the workloads that it would close.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::controller_with;

use crate::command::bulkhead_as;
use crate::{BINARY, SETTINGS};

/// The workloads of a namespace that `bulkhead deny-all` lists, each with the number of its pods.
pub fn closed_workloads(admin: &Kubectl, namespace: &str) -> Vec<(String, u32)> {
    let (code, said) = bulkhead_as(admin, &["deny-all"]);
    assert_eq!(code, i32::from(!said.stdout.is_empty()), "{said:?}");
    let workload = |line: &str| {
        let (workload, rest) = line.split_once(": ").unwrap();
        let pods = rest.split(|letter: char| !letter.is_ascii_digit()).find(|word| !word.is_empty());
        (workload.to_owned(), pods.unwrap().parse().unwrap())
    };
    let lines = said.stdout.lines().filter(|line| line.starts_with(&format!("{namespace}/")));
    lines.map(workload).collect()
}

/// `meshWide.denyAll` in the settings of the controller, which gets a settings file of its own.
pub struct DenyAll(PathBuf);

impl DenyAll {
    /// Restarts the controller with `DryRun`.
    pub fn dry_run(cluster: &Cluster, controller: &mut Process) -> Self {
        let it = Self(cluster.folder.join("deny-all.yaml"));
        it.set("DryRun");
        controller.terminate().unwrap();
        controller.wait(Duration::from_secs(20)).unwrap();
        let settings = it.0.display().to_string();
        *controller = controller_with(cluster, &BINARY, &["--settings", &settings]).unwrap();
        it
    }

    pub fn set(&self, deny_all: &str) {
        let example = fs::read_to_string(SETTINGS).unwrap();
        let settings =
            example.replace("  manage: true\n", &format!("  manage: true\n  denyAll: {deny_all}\n"));
        assert_ne!(settings, example);
        fs::write(&self.0, settings).unwrap();
    }
}
