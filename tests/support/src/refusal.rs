//! Refusals and warnings as data: the codes of the rules and the paths of the fields, not the sentences. The sentences
//! are kept in `tests/fast/wording/`.

use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::Value;

/// The code of a rule and the path of a field, such as `("BH301", "spec.hostNetwork")`.
pub type Violation<'t> = (&'t str, &'t str);

/// The violations that a refusal lists, in its order.
pub fn violations(text: &str) -> Vec<Violation<'_>> {
    text.lines().filter_map(violation).collect()
}

/// The warnings by Bulkhead that kubectl printed, in their order: violations that were admitted, and labels that were
/// restored, which have no code.
pub fn warnings(text: &str) -> Vec<Violation<'_>> {
    let warnings = text.lines().filter_map(|line| line.strip_prefix("Warning: "));
    warnings.filter_map(|warning| violation(warning).or_else(|| restored_label(warning))).collect()
}

/// The violations that `check` or `audit` printed, in their order, each after its object as it is printed, such as
/// `Pod tenant-acme/web`.
pub fn reported(text: &str) -> Vec<(&str, &str, &str)> {
    text.lines().filter_map(reported_violation).collect()
}

/// The entries of the webhook configurations that denied a request, such as `workloads`, in the order of the text.
pub fn denied_by(text: &str) -> Vec<&str> {
    let denials = text.split("admission webhook \"").skip(1);
    denials.filter_map(|rest| Some(rest.split_once(".bulkhead.dev\" denied the request")?.0)).collect()
}

/// The violations in the response to an `AdmissionReview`.
pub fn causes(response: &Value) -> Vec<Violation<'_>> {
    let causes = response["status"]["details"]["causes"].as_array().into_iter().flatten();
    causes.map(|cause| (cause["reason"].as_str().unwrap(), cause["field"].as_str().unwrap())).collect()
}

/// True if the object could be created in the namespace, and what kubectl printed.
pub fn dry_run(kubectl: &Kubectl, namespace: &str, manifest: &Value) -> (bool, String) {
    let arguments = ["create", "--dry-run=server", "-o", "json", "-n", namespace, "-f", "-"];
    let said = kubectl.feed(&arguments, &manifest.to_string()).unwrap();
    (said.success, said.stdout + &said.stderr)
}

/// The call was refused by Bulkhead, for these violations and no others.
#[track_caller]
pub fn expect_refused(said: &Said, expected: &[Violation<'_>]) {
    assert!(!said.success && !denied_by(&said.stderr).is_empty(), "{said:?}");
    assert_eq!(violations(&said.stderr), expected, "{said:?}");
}

/// The call was refused by this entry of the webhook configuration, for these violations and no others.
#[track_caller]
pub fn expect_refused_by(entry: &str, said: &Said, expected: &[Violation<'_>]) {
    expect_refused(said, expected);
    assert_eq!(denied_by(&said.stderr), [entry], "{said:?}");
}

/// The call was admitted, with these warnings by Bulkhead and no others.
#[track_caller]
pub fn expect_warned(said: &Said, expected: &[Violation<'_>]) {
    assert!(said.success, "{said:?}");
    assert_eq!(warnings(&said.stderr), expected, "{said:?}");
}

/// The call was admitted, without a warning by Bulkhead.
#[track_caller]
pub fn expect_admitted(said: &Said) {
    expect_warned(said, &[]);
}

/// Runs kubectl, which must be refused for these violations and no others.
#[track_caller]
pub fn refused(kubectl: &Kubectl, arguments: &[&str], input: &str, expected: &[Violation<'_>]) {
    let said = kubectl.feed(arguments, input).unwrap();
    assert!(!said.success && !denied_by(&said.stderr).is_empty(), "{arguments:?}: {said:?}");
    assert_eq!(violations(&said.stderr), expected, "{arguments:?}: {said:?}");
}

/// A line such as `BH301 spec.hostNetwork: …`.
fn violation(line: &str) -> Option<Violation<'_>> {
    let (code, rest) = line.split_at_checked("BH301".len())?;
    let (path, _) = rest.strip_prefix(' ')?.split_once(": ")?;
    is_code(code).then_some((code, path))
}

/// A line such as `Pod tenant-acme/web: BH301 spec.hostNetwork: …`, after the file and the line for `check`.
fn reported_violation(line: &str) -> Option<(&str, &str, &str)> {
    line.match_indices(": BH").find_map(|(end, colon)| {
        let (code, path) = violation(line.get(end + colon.len() - "BH".len()..)?)?;
        Some((line.get(..end)?, code, path))
    })
}

/// A line such as `metadata.labels[istio-injection]: …`.
fn restored_label(line: &str) -> Option<Violation<'_>> {
    let (path, _) = line.split_once(": ")?;
    path.starts_with("metadata.labels[").then_some(("", path))
}

fn is_code(text: &str) -> bool {
    text.strip_prefix("BH").is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
}
