//! The commands in docs/check-in-ci.md run, on the examples in the place of the reader's files.

use std::fs;

use roxmltree::Document;
use serde_json::Value;
use support::command::bulkhead;
use support::repository;

/// A command of the page.
struct PageCommand {
    line: usize,
    arguments: Vec<String>,
}

impl PageCommand {
    fn reads_stdin(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "-")
    }

    /// Runs the command with this folder as `manifests/`: exit code and stdout.
    fn run(&self, manifests: &str, input: &str) -> (i32, String) {
        let arguments: Vec<&str> = self
            .arguments
            .iter()
            .map(|argument| match argument.as_str() {
                "snapshot.yaml" => "examples/snapshot",
                "manifests/" => manifests,
                other => other,
            })
            .collect();
        let (code, out, note) = bulkhead(&arguments, input);
        assert_ne!(code, 2, "line {}: {note}", self.line);
        (code, out)
    }

    /// True if the text has the format that the command asks for.
    fn is_in_format(&self, text: &str) -> bool {
        let format = self.arguments.iter().skip_while(|argument| *argument != "-o").nth(1);
        match format.map_or("text", String::as_str) {
            "sarif" => serde_json::from_str::<Value>(text).is_ok_and(|log| log["version"] == "2.1.0"),
            "json" => serde_json::from_str::<Vec<Value>>(text).is_ok(),
            "junit" => Document::parse(text).is_ok_and(|xml| xml.root_element().has_tag_name("testsuites")),
            "markdown" => text.starts_with("### Bulkhead: "),
            _ => !text.starts_with(['{', '[', '<', '#']),
        }
    }
}

/// The calls of `bulkhead check` in the code blocks of the page.
fn commands() -> Vec<PageCommand> {
    let text = fs::read_to_string(repository("docs/check-in-ci.md")).unwrap();
    let mut is_code = false;
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        is_code ^= text.trim_start().starts_with("```");
        let Some((_, rest)) = text.split_once("bulkhead check ").filter(|_| is_code) else { continue };
        let rest = rest.split(" > ").next().unwrap();
        let arguments = ["check"].into_iter().chain(rest.split_whitespace()).map(str::to_owned).collect();
        found.push(PageCommand { line, arguments });
    }
    found
}

#[test]
fn commands_of_the_page_pass_good_manifests_and_fail_bad_ones() {
    let commands = commands();
    assert!(commands.len() >= 5, "GitHub twice, GitLab, pre-commit and Argo CD");
    let manifest = |path: &str| fs::read_to_string(repository(path)).unwrap();
    let (good, bad) = (manifest("examples/good/web.yaml"), manifest("examples/bad/opted-out.yaml"));
    for command in &commands {
        for (manifests, input, expected) in [("examples/good", &good, 0), ("examples/bad", &bad, 1)] {
            let input = if command.reads_stdin() { input } else { "" };
            let (code, out) = command.run(manifests, input);
            assert_eq!(code, expected, "line {} with {manifests}", command.line);
            assert!(command.is_in_format(&out), "line {} with {manifests}: {out}", command.line);
        }
    }
}
