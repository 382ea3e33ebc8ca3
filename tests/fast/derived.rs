//! Files of the repository that are derived from the rules.

use bulkhead::policy::RULES;
use bulkhead::report::fields_markdown;
use bulkhead_harness::program::printed;
use support::BINARY;
use support::snapshot_files::{compare, compare_part};

#[test]
fn deploy_folder_matches_manifests_output() {
    for part in ["crds", "rbac", "webhooks"] {
        compare(&format!("deploy/{part}.yaml"), &printed(&BINARY, &[part]).unwrap());
    }
}

#[test]
fn rule_table_matches_the_rules() {
    let rows =
        RULES.iter().map(|rule| format!("| {} | `{}` | {} |\n", rule.code(), rule.name(), rule.summary()));
    let table = format!("| code | name | what it does |\n|---|---|---|\n{}", rows.collect::<String>());
    compare_part("rules", &table);
}

#[test]
fn field_tables_match_the_code() {
    compare_part("fields", &fields_markdown());
}
