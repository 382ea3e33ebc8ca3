//! The `bulkhead` command, as a user runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use bulkhead_harness::kubectl::{Kubectl, Said};

use crate::{BINARY, SETTINGS, repository};

/// Runs the command in the repository, with `input` on stdin: exit code, stdout, stderr.
pub fn bulkhead(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(&*BINARY)
        .args(arguments)
        .current_dir(repository(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let (code, said) = read(child.wait_with_output().unwrap());
    (code, said.stdout, said.stderr)
}

/// Runs the command as the user of the kubeconfig, with the settings that the installation runs with: exit code, and
/// the output.
pub fn bulkhead_as(kubectl: &Kubectl, arguments: &[&str]) -> (i32, Said) {
    bulkhead_with(kubectl, arguments, SETTINGS)
}

/// Runs the command as the user of the kubeconfig, with the settings in a file: exit code, and the output.
pub fn bulkhead_with(kubectl: &Kubectl, arguments: &[&str], settings: &str) -> (i32, Said) {
    bulkhead_of(kubectl, &[arguments, &["--settings", settings]].concat())
}

/// Runs a command that reads no settings as the user of the kubeconfig: exit code, and the output.
pub fn bulkhead_of(kubectl: &Kubectl, arguments: &[&str]) -> (i32, Said) {
    let mut command = Command::new(&*BINARY);
    command.args(arguments).env("KUBECONFIG", &kubectl.kubeconfig);
    read(command.output().unwrap())
}

fn read(output: Output) -> (i32, Said) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said =
        Said { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) };
    (output.status.code().unwrap(), said)
}
