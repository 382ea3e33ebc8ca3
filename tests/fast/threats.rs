//! The threat table: the rules and the tests that it names exist.

use std::collections::BTreeSet;
use std::fs;

use bulkhead::policy::Rule;
use support::repository;

const TABLE: &str = include_str!("../../docs/threats.md");
/// Defences other than rules.
const OTHERS: &[&str] = &["API server", "Istio", "RBAC", "registration", "webhook"];

/// The families in the order of the table, each with its last number.
const FAMILIES: &[(&str, u32)] = &[
    ("NSP", 17),
    ("BAS", 15),
    ("RES", 3),
    ("WIR", 26),
    ("SCB", 9),
    ("SCW", 19),
    ("SCF", 11),
    ("POD", 18),
    ("SUB", 7),
    ("SCH", 4),
    ("AMB", 20),
    ("IDN", 16),
    ("LBL", 5),
    ("SVC", 9),
    ("RBC", 7),
    ("AZP", 10),
    ("PAU", 4),
    ("RQA", 3),
    ("VSV", 8),
    ("DRL", 3),
    ("SEN", 4),
    ("WLE", 2),
    ("SDC", 2),
    ("IGW", 3),
    ("NPL", 6),
    ("CAL", 8),
    ("CIL", 5),
    ("ANP", 3),
    ("EVF", 2),
    ("EXT", 1),
    ("PXC", 1),
    ("HDR", 2),
    ("CTL", 12),
    ("DOS", 2),
    ("TLM", 1),
    ("GWA", 11),
    ("ING", 5),
];

/// The cells of each row: code, attack, defences, tests.
fn rows() -> Vec<[&'static str; 4]> {
    let is_row = |line: &&str| FAMILIES.iter().any(|(name, _)| line.starts_with(&format!("| {name}-")));
    let rows = TABLE.lines().filter(is_row);
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    rows.map(|row| cells(row).try_into().unwrap()).collect()
}

/// The source of the test module `name`: a file of one of the tiers, a folder of one, or a tier's `main.rs`.
fn source(name: &str) -> String {
    let files = ["fast", "cluster", "packets"].into_iter().flat_map(|tier| {
        let module = repository("tests").join(tier).join(name);
        let below = fs::read_dir(&module).into_iter().flatten().map(|file| file.unwrap().path());
        below.chain([module.with_extension("rs")]).collect::<Vec<_>>()
    });
    let files = files.chain([repository("tests").join(name).join("main.rs")]);
    files.filter(|file| file.is_file()).map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn is_limit(row: &[&str; 4]) -> bool {
    row[2] == "limit"
}

#[test]
fn threat_codes_are_complete() {
    let family = |(name, last): &(&'static str, u32)| {
        let name = *name;
        (1..=*last).map(move |number| format!("{name}-{number:03}"))
    };
    let codes: Vec<&str> = rows().iter().map(|row| row[0]).collect();
    assert_eq!(codes, FAMILIES.iter().flat_map(family).collect::<Vec<_>>());
}

#[test]
fn defences_of_threats_exist() {
    for row in rows().iter().filter(|row| !is_limit(row)) {
        for held in row[2].split(", ") {
            assert!(Rule::find(held).is_some() || OTHERS.contains(&held), "{}: {held}", row[0]);
        }
    }
}

#[test]
fn tests_of_threats_exist() {
    for row in rows() {
        let tests: BTreeSet<&str> = row[3].split('`').filter(|word| word.contains("::")).collect();
        assert_eq!(tests.is_empty(), is_limit(&row), "{}", row[0]);
        for test in tests {
            let (module, name) = test.split_once("::").unwrap();
            let found = source(module).matches(&format!("#[test]\nfn {name}()")).count();
            assert_eq!(found, 1, "{}: {test}", row[0]);
        }
    }
}

#[test]
fn limits_are_counted_and_have_reasons() {
    let rows = rows();
    let limits: Vec<_> = rows.iter().filter(|row| is_limit(row)).collect();
    assert!(TABLE.contains(&format!("Limits: {} of {}.", limits.len(), rows.len())), "{}", limits.len());
    assert!(limits.iter().all(|row| row[3].ends_with('.')), "a sentence each");
}
