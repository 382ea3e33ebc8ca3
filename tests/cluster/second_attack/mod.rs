//! A second attack, by a member, a deputy and a GitOps account whom RBAC allows everything: on protected places,
//! credentials of trusted names, self-created Tenants, names, and what a removal leaves. Each row is an attempt, or its
//! harmless twin.

mod credentials;
mod names;
mod places;
mod removal;
mod self_service;

use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::Value;
use support::refusal::{Violation, denied_by, violations};

/// A dry run of `create`.
const DRY_RUN: &[&str] = &["create", "--dry-run=server", "-f", "-"];

/// The attempts of a test. Each has a name, and the end of the test lists those without the expected result.
#[derive(Default)]
struct Attempts {
    failed: Vec<String>,
}

impl Attempts {
    /// The call must be refused for these violations and no others.
    fn refused(
        &mut self,
        name: &str,
        by: &Kubectl,
        arguments: &[&str],
        input: &str,
        expected: &[Violation<'_>],
    ) {
        let said = by.feed(arguments, input).unwrap();
        let is_refused = !said.success && !denied_by(&said.stderr).is_empty();
        self.holds(name, is_refused && violations(&said.stderr) == expected, &said);
    }

    /// The call must be refused with some of these codes and no others, wherever the rules found the violations.
    fn refused_by(&mut self, name: &str, by: &Kubectl, arguments: &[&str], input: &str, codes: &[&str]) {
        let said = by.feed(arguments, input).unwrap();
        let found = violations(&said.stderr);
        let is_refused =
            !said.success && !found.is_empty() && found.iter().all(|(code, _)| codes.contains(code));
        self.holds(name, is_refused, &said);
    }

    /// The API server itself must refuse the call, with this text.
    fn refused_by_the_api_server(
        &mut self,
        name: &str,
        by: &Kubectl,
        arguments: &[&str],
        input: &str,
        text: &str,
    ) {
        let said = by.feed(arguments, input).unwrap();
        let is_refused = !said.success && denied_by(&said.stderr).is_empty() && said.stderr.contains(text);
        self.holds(name, is_refused, &said);
    }

    /// The harmless twin must be admitted.
    fn admitted(&mut self, name: &str, by: &Kubectl, arguments: &[&str], input: &str) -> Said {
        let said = by.feed(arguments, input).unwrap();
        self.holds(&format!("twin: {name}"), said.success && violations(&said.stderr).is_empty(), &said);
        said
    }

    fn holds(&mut self, name: &str, is_held: bool, found: &impl std::fmt::Debug) {
        if !is_held {
            self.failed.push(format!("{name}: {found:?}"));
        }
    }

    #[track_caller]
    fn end(self) {
        assert!(self.failed.is_empty(), "not held:\n{}", self.failed.join("\n"));
    }
}

/// The object as JSON.
fn get(kubectl: &Kubectl, object: &[&str]) -> Value {
    let shown = kubectl.ok(&[&["get"], object, &["-o", "json"]].concat()).unwrap();
    serde_json::from_str(&shown).unwrap()
}

/// The arguments of a merge patch of an object.
fn merge<'a>(object: &[&'a str], patch: &'a str) -> Vec<&'a str> {
    [&["patch"], object, &["--type=merge", "-p", patch]].concat()
}

/// The arguments of a `replace` of a subresource, which kubectl sends as it is.
fn replace_raw(path: &str) -> [&str; 5] {
    ["replace", "--raw", path, "-f", "-"]
}

/// The arguments of a `create` at a subresource, which kubectl sends as it is.
fn create_raw(path: &str) -> [&str; 5] {
    ["create", "--raw", path, "-f", "-"]
}
