//! The house rules that no compiler holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bulkhead::keys::{Pattern, TABLE};
use bulkhead::kinds::{Kind, Operation, Resource};
use bulkhead::policy::rules::Family;
use bulkhead::policy::{NamespaceClass, RULES, Rule};

/// The files of Rust below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// `clippy.toml` lists the clocks, files, sockets and tasks that these folders forbid. It cannot list `async` or a crate.
#[test]
fn folders_that_decide_are_pure() {
    const FORBIDDEN: &str = "\n#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]\n";
    const IMPURE: &[&str] = &["async ", ".await", "tokio"];
    for folder in
        ["kinds", "keys", "api", "settings", "snapshot", "baseline", "policy", "certs", "registration"]
    {
        for (path, text) in sources(&format!("src/{folder}")) {
            if path.ends_with(format!("{folder}/mod.rs")) {
                assert!(text.contains(FORBIDDEN), "{}: lacks {FORBIDDEN}", path.display());
            }
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let impure = IMPURE.iter().find(|word| line.contains(*word));
                assert!(impure.is_none(), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn rule_files_match_the_rule_list() {
    let files: BTreeSet<String> = sources("src/policy/rules")
        .into_iter()
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("bh"))
        .collect();
    let listed: Vec<String> = RULES
        .iter()
        .map(|rule| format!("{}_{}.rs", rule.code().to_lowercase(), rule.name().replace('-', "_")))
        .collect();
    assert!(listed.is_sorted(), "in the order of the codes");
    assert_eq!(files, listed.into_iter().collect());
}

/// Texts in the code that look like keys: the file, the text, and the reason why it is none.
const NO_KEYS: &[(&str, &str, &str)] = &[
    ("controller/certificates.rs", "\"kubernetes.io/tls\"", "a type of Secrets"),
    ("doctor/powers.rs", "\"kubernetes.io/*\"", "all signers of Kubernetes"),
    ("doctor/powers.rs", "\"kubernetes.io/kube-apiserver-client\"", "a signer"),
    ("policy/object/certificate_request.rs", "\"kubernetes.io/kube-apiserver-client-kubelet\"", "a signer"),
    ("policy/object/certificate_request.rs", "\"kubernetes.io/kubelet-serving\"", "a signer"),
    ("policy/proxy/comparison.rs", "`sidecar.istio.io/…`", "a refusal names a family of keys"),
    ("policy/proxy/volumes.rs", "/var/run/secrets/kubernetes.io/", "a path in a container"),
    ("policy/rules/bh404_token_secret.rs", "\"kubernetes.io/service-account-token\"", "a type of Secrets"),
    ("settings/components.rs", "projectcalico.org/v3", "an apiVersion"),
    ("settings/components.rs", "projectcalico.org/v1", "an apiVersion"),
    ("settings/mod.rs", "registry.istio.io/release/", "an image repository"),
    ("snapshot/namespace.rs", "\"bulkhead.dev/BaselineReady\"", "a type of conditions"),
    ("sources/files.rs", "bulkhead.dev/v1alpha1", "an apiVersion"),
];

/// Labels whose keys are also names of fields.
const FIELD_NAMES: &[&str] = &["name", "tenant"];

/// Labels and annotations are spelled in the table of keys alone.
#[test]
fn keys_are_spelled_in_their_table_alone() {
    let patterns = TABLE.into_iter().flatten().map(|row| row.pattern);
    let spelled: BTreeSet<String> = patterns
        .filter(|pattern| !FIELD_NAMES.contains(&pattern.text()))
        .map(|pattern| match (pattern, pattern.text().split_once('/')) {
            (Pattern::Domain(domain), _) | (Pattern::Key(_), Some((domain, _))) => format!("{domain}/"),
            (Pattern::Key(key), None) => format!("\"{key}\""),
        })
        .collect();
    let mut unused: BTreeSet<_> = NO_KEYS.iter().collect();
    for (path, text) in sources("src") {
        let path = path.to_string_lossy().split_once("/src/").unwrap().1.to_owned();
        if path.starts_with("keys/") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let mut line = line.to_owned();
            for exception in NO_KEYS.iter().filter(|(file, ..)| *file == path) {
                if line.contains(exception.1) {
                    line = line.replace(exception.1, "");
                    unused.remove(exception);
                }
            }
            let key = spelled.iter().find(|key| line.contains(*key));
            assert!(key.is_none(), "{path}: take the key from src/keys: {line}");
        }
    }
    assert!(unused.is_empty(), "exceptions that nothing needs: {unused:?}");
}

/// Views give values with their paths, so that a path agrees with the field that was read.
#[test]
fn rules_spell_no_paths() {
    for (path, text) in sources("src/policy/rules") {
        assert!(!text.contains("Path::of("), "{}: take the path from the view", path.display());
    }
}

/// The code has no special case for an example.
#[test]
fn example_names_are_absent_from_the_code() {
    for (path, text) in sources("src") {
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            // The protocol by which certificates are ordered.
            let line = line.replace("acme.cert-manager.io", "").replace("tls-acme", "");
            for name in ["acme", "beta", "log-collector", "shop", "nightly"] {
                let is_word = |before: &str| {
                    !before.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '.')
                };
                let is_named = line.match_indices(name).any(|(at, _)| is_word(&line[..at]));
                assert!(!is_named, "{}: {line}", path.display());
            }
        }
    }
}

/// A violation of the rules on namespaces, the baseline and identities is refused even if it is older than Bulkhead.
#[test]
fn ownership_rules_allow_no_older_violation_and_no_exemption() {
    for rule in RULES {
        let is_strict = matches!(rule.family(), Family::Namespaces | Family::Baseline | Family::Identities);
        assert!(!(is_strict && (rule.ratchet() || rule.can_be_exempted())), "{}", rule.code());
    }
}

/// The webhook receives every kind of the table that has an entry.
#[test]
fn kinds_with_an_entry_are_judged_by_a_rule() {
    for kind in Kind::ALL.iter().filter(|kind| kind.entry().is_some()) {
        assert!(RULES.iter().any(|rule| rule.judges(*kind)), "{}: no rule judges it", kind.name());
    }
}

/// A kind of which some rule reads the fields can get new fields.
#[test]
fn unknown_fields_are_refused_in_every_kind_whose_fields_are_judged() {
    let [unknown_field, shared_namespace] = ["BH908", "BH401"].map(|code| Rule::find(code).unwrap());
    let is_platforms =
        |kind: Kind| ["BH906", "BH907"].iter().any(|code| Rule::find(code).unwrap().judges(kind));
    for rule in RULES.iter().filter(|rule| rule.code() != shared_namespace.code()) {
        let reads_fields =
            rule.scopes().contains(&NamespaceClass::Tenant) && !rule.judges_baseline_objects_only();
        // The API server makes the options of a connection, and knows all their fields.
        let is_written = |kind: &&Kind| {
            Resource::all()
                .any(|resource| resource.kind == **kind && resource.operations != [Operation::Connect])
        };
        let kinds = Kind::ALL.iter().filter(|kind| reads_fields && rule.judges(**kind)).filter(is_written);
        for kind in kinds.filter(|kind| !is_platforms(**kind)) {
            assert!(unknown_field.judges(*kind), "{} of {}: add it to BH908", kind.name(), rule.code());
        }
    }
}

/// A helper that two test modules need belongs to `tests/support`.
#[test]
fn test_modules_use_no_other_test_module() {
    const HELPERS: &[&str] = &["examples", "prose", "scenes"];
    for folder in ["tests/fast", "tests/cluster"] {
        for (path, text) in sources(folder) {
            for line in text.lines() {
                let Some(used) = line.trim_start().strip_prefix("use crate::") else { continue };
                let module = used.split([':', ';', ' ']).next().unwrap();
                assert!(HELPERS.contains(&module), "{}: {line}", path.display());
            }
        }
    }
}
