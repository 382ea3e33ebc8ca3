//! The command line as a citizen: help, completions, manual pages, the kubectl plugin, kubeconfigs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use bulkhead::cli::Arguments;
use clap::CommandFactory;
use serde_json::json;
use support::BINARY;
use support::command::bulkhead;

/// A folder of this test, which is empty.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn command_names() -> BTreeSet<String> {
    Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn completion_of_every_shell_names_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (code, out, note) = bulkhead(&["completion", shell], "");
        assert_eq!((code, note.as_str()), (0, ""), "{shell}");
        for command in command_names() {
            assert!(out.contains(&command), "{shell} does not complete {command}");
        }
    }
}

#[test]
fn bash_completes_the_formats_of_check() {
    let (_, script, _) = bulkhead(&["completion", "bash"], "");
    let complete = "COMP_WORDS=(bulkhead check --output s); COMP_CWORD=3; _bulkhead bulkhead s --output; echo \"${COMPREPLY[*]}\"";
    let bash = Command::new("bash").args(["-c", &format!("{script}\n{complete}")]).output().unwrap();
    assert_eq!(String::from_utf8(bash.stdout).unwrap().trim(), "sarif");
}

#[test]
fn manual_pages_describe_every_command() {
    let folder = folder("man");
    let (code, out, note) = bulkhead(&["man", folder.to_str().unwrap()], "");
    assert_eq!((code, out.as_str(), note.as_str()), (0, "", ""));
    for command in command_names() {
        let page = fs::read_to_string(folder.join(format!("bulkhead-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{command}: {page}");
    }
    let (code, _, note) = bulkhead(&["man", "absent-folder"], "");
    assert!(code == 2 && note.contains("absent-folder"), "{note}");
}

#[test]
fn plugin_of_kubectl_says_kubectl_bulkhead() {
    let plugin = folder("plugin").join("kubectl-bulkhead");
    symlink(&*BINARY, &plugin).unwrap();
    let help = |arguments: &[&str]| {
        let output = Command::new(&plugin).args(arguments).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, usage) in [
        (&["--help"][..], "Usage: kubectl bulkhead <COMMAND>"),
        (&["check", "--help"], "Usage: kubectl bulkhead check [OPTIONS] <PATH>..."),
        (&["check"], "Usage: kubectl bulkhead check"),
    ] {
        let help = help(arguments);
        assert!(help.contains(usage), "{arguments:?}: {help}");
    }
}

#[test]
fn help_of_every_command_has_an_example() {
    for command in Arguments::command().get_subcommands() {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let name = command.get_name();
        let example = format!("bulkhead {name}");
        assert!(examples.starts_with("Examples:\n") && examples.contains(&example), "{name}: {examples}");
    }
}

/// Colours are for terminals, and these outputs are pipes.
#[test]
fn output_into_a_pipe_has_no_colours() {
    for arguments in [&["--help"][..], &["check", "--help"], &["check"], &["explain", "BH301"]] {
        let (_, out, note) = bulkhead(arguments, "");
        assert!(!out.contains('\u{1b}') && !note.contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn kubeconfig_option_names_the_file_that_is_read() {
    let file = folder("kubeconfig").join("config");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{ "name": "here", "context": { "cluster": "c", "user": "u" } }],
        "clusters": [{ "name": "c", "cluster": { "server": "https://127.0.0.1:1" } }],
        "users": [{ "name": "u", "user": {} }],
    });
    fs::write(&file, config.to_string()).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, names) in [
        (["audit", "--kubeconfig", "absent-file"].as_slice(), "absent-file"),
        (&["snapshot", "--kubeconfig", file, "--context", "nowhere"], "nowhere"),
        // Nothing listens there.
        (&["snapshot", "--kubeconfig", file], "failed to read the ConfigMap"),
    ] {
        let (code, out, note) = bulkhead(arguments, "");
        assert!(code == 2 && out.is_empty() && note.contains(names), "{arguments:?}: {code} {note}");
    }
}

#[test]
fn unknown_check_of_the_doctor_is_an_error_that_lists_the_checks() {
    let (code, out, note) = bulkhead(&["doctor", "--checks", "webhook-probe,nothing"], "");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(note.contains("no check `nothing`") && note.contains("node-restriction"), "{note}");
}
