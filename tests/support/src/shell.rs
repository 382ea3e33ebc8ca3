//! Commands of the documents, as a shell runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::kubectl::Kubectl;

/// A shell whose program `kubectl` is that of one user.
pub struct Shell {
    /// The folder with this program.
    programs: PathBuf,
}

impl Shell {
    pub fn of(user: &Kubectl) -> Self {
        let command = user.command(&[]).unwrap();
        let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let variables: Vec<String> = variables
            .map(|(name, value)| format!("export {}='{}'", name.display(), value.display()))
            .collect();
        let arguments: Vec<String> =
            command.get_args().map(|argument| argument.display().to_string()).collect();
        let script = format!(
            "#!/bin/sh\n{}\nexec {} {} \"$@\"\n",
            variables.join("\n"),
            command.get_program().display(),
            arguments.join(" ")
        );
        let programs = folder("programs").unwrap();
        let kubectl = programs.join("kubectl");
        fs::write(&kubectl, script).unwrap();
        fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
        Self { programs }
    }

    /// Runs the commands in this folder, until one fails.
    ///
    /// # Errors
    ///
    /// Their output, if one fails.
    pub fn run(&self, folder: &Path, commands: &str) -> Result<(), String> {
        let path = format!("{}:{}", self.programs.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        let output = shell.args(["-ec", commands]).current_dir(folder).env("PATH", path).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        if output.status.success() { Ok(()) } else { Err(said) }
    }
}
