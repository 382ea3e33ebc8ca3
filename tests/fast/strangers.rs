//! Refusals tell strangers nothing about tenants: the examples of all manuals, sent by users of other tenants and of none.

use std::collections::BTreeSet;

use bulkhead::policy::{RULES, Rule};
use bulkhead::report::message;
use bulkhead::snapshot::User;

use crate::examples::{Example, Judged, examples};

/// Users with their groups: of no tenant, and of one tenant each.
const STRANGERS: &[(&str, &str)] = &[
    ("mallory", "strangers"),
    ("alice", "acme-developers"),
    ("bob", "beta-developers"),
    ("dave", "employees"),
];

/// True if the text has `name` as a word of its own: `acme` is in `tenant acme`, and not in `tenant-acme`.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + name.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// The names that the user must not learn: of tenants that they do not act for, of these tenants' namespaces, and of
/// tenants that were deleted.
fn secrets(example: &Example, user: &User<'_>) -> BTreeSet<String> {
    let snapshot = example.snapshot();
    let actor = snapshot.actor(user);
    let foreign = snapshot.tenants().filter(|tenant| !actor.acts_for(&tenant.name));
    let mut secrets = BTreeSet::from(["departed".to_owned()]);
    for tenant in foreign {
        secrets.insert(tenant.name.clone());
        secrets.extend(tenant.contact.clone());
        secrets.extend(snapshot.namespaces_of(&tenant.name).map(str::to_owned));
    }
    secrets
}

/// The text that the user wrote: for a deletion, only the names in the URL.
fn written(example: &Example, judged: &Judged) -> String {
    let text = |path: &[&str]| judged.new.text(path).unwrap_or_default().to_owned();
    if example.is_deletion() {
        format!("{} {}", text(&["metadata", "name"]), text(&["metadata", "namespace"]))
    } else {
        judged.new.json.get().to_owned()
    }
}

/// The number of examples of `rule` that are refused to `name`. Each refusal names no tenant that is foreign to the user.
fn refused(rule: &Rule, (name, group): (&str, &str)) -> usize {
    let mut refused = 0;
    for example in examples(rule) {
        let judged = example.judged_as(name, &[group]);
        let text = message(&judged.violations, judged.contact.as_deref());
        let written = written(&example, &judged);
        let user = User { name, groups: [group].into_iter().collect() };
        for secret in secrets(&example, &user) {
            let is_told = mentions(&text, &secret) && !mentions(&written, &secret);
            assert!(!is_told, "{}: {name} learns of {secret}: {text}\n{}", rule.code(), example.text);
        }
        refused += usize::from(!judged.violations.is_empty());
    }
    refused
}

#[test]
fn refusal_to_a_stranger_names_no_foreign_tenant() {
    let all =
        STRANGERS.iter().map(|stranger| RULES.iter().map(|rule| refused(rule, *stranger)).sum::<usize>());
    let all: Vec<usize> = all.collect();
    assert!(all.iter().all(|refused| *refused > 100), "{all:?}");
}

/// The rules about Tenants leave strangers to BH901, which refuses them all.
#[test]
fn write_of_a_tenant_by_a_stranger_is_refused_without_details() {
    for code in ["BH107", "BH108", "BH109", "BH110", "BH112"] {
        let rule = Rule::find(code).unwrap();
        let of_tenants = |example: &Example| example.text.contains("bulkhead.dev/v1alpha1");
        for example in examples(rule).into_iter().filter(of_tenants) {
            let judged = example.judged_as("mallory", &["strangers"]);
            let codes: Vec<&str> = judged.violations.iter().map(|violation| violation.code).collect();
            assert_eq!(codes, ["BH901"], "{}", example.text);
        }
    }
}

/// A stranger cannot find out by the refusal which tenants exist.
#[test]
fn name_of_an_existing_tenant_is_refused_in_the_words_for_a_missing_one() {
    let rule = Rule::find("BH104").unwrap();
    let message_for = |tenant: &str| {
        let named = |example: &Example| example.text.contains(&format!("name: tenant-{tenant}"));
        let example = examples(rule).into_iter().find(named).unwrap();
        let judged = example.judged_as("mallory", &["strangers"]);
        message(&judged.violations, judged.contact.as_deref())
    };
    assert_eq!(message_for("acme-annex"), message_for("gamma"));
}
