//! The threat table: whatever it names is there.

use std::collections::BTreeSet;
use std::fs;

use bulkhead::policy::Rule;

const TABLE: &str = include_str!("../docs/threats.md");
/// What stops a threat, other than a rule.
const OTHERS: &[&str] = &["API server", "RBAC", "registration", "webhook"];

/// The families, as they follow each other, each with its last number.
const FAMILIES: &[(&str, u32)] = &[("NSP", 10), ("BAS", 11), ("RES", 2), ("WIR", 22)];

/// The cells of each row: code, what is done, held by, shown by.
fn rows() -> Vec<[&'static str; 4]> {
    let is_row = |line: &&str| FAMILIES.iter().any(|(name, _)| line.starts_with(&format!("| {name}-")));
    let rows = TABLE.lines().filter(is_row);
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    rows.map(|row| cells(row).try_into().unwrap()).collect()
}

/// The tests of the module `name`: a file, or all of a folder's.
fn text(name: &str) -> String {
    let path = format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"));
    let Ok(folder) = fs::read_dir(&path) else { return fs::read_to_string(format!("{path}.rs")).unwrap() };
    folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

fn is_limit(row: &[&str; 4]) -> bool {
    row[2] == "limit"
}

#[test]
fn every_threat_has_a_row() {
    let family = |(name, last): &(&'static str, u32)| {
        let name = *name;
        (1..=*last).map(move |number| format!("{name}-{number:03}"))
    };
    let codes: Vec<&str> = rows().iter().map(|row| row[0]).collect();
    assert_eq!(codes, FAMILIES.iter().flat_map(family).collect::<Vec<_>>());
}

#[test]
fn what_holds_a_threat_is_there() {
    for row in rows().iter().filter(|row| !is_limit(row)) {
        for held in row[2].split(", ") {
            assert!(Rule::find(held).is_some() || OTHERS.contains(&held), "{}: {held}", row[0]);
        }
    }
}

#[test]
fn what_shows_a_threat_is_a_test() {
    for row in rows() {
        let tests: BTreeSet<&str> = row[3].split('`').filter(|word| word.contains("::")).collect();
        assert_eq!(tests.is_empty(), is_limit(&row), "{}", row[0]);
        for test in tests {
            let (file, name) = test.split_once("::").unwrap();
            let text = text(file);
            assert!(text.contains(&format!("#[test]\nfn {name}()")), "{}: {test}", row[0]);
        }
    }
}

#[test]
fn the_limits_are_counted_and_have_reasons() {
    let rows = rows();
    let limits: Vec<_> = rows.iter().filter(|row| is_limit(row)).collect();
    assert!(TABLE.contains(&format!("Limits: {} of {}.", limits.len(), rows.len())), "{}", limits.len());
    assert!(limits.iter().all(|row| row[3].ends_with('.')), "a sentence each");
}
