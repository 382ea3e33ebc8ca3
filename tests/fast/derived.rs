//! What is derived from the rules stands in the repository as it is derived.

use std::path::Path;

use bulkhead::policy::RULES;
use bulkhead_harness::program::printed;

use crate::blessed::{compare, compare_part};
use crate::cluster::BINARY;

#[test]
fn deploy_holds_what_manifests_prints() {
    for part in ["crds", "rbac", "webhooks"] {
        compare(&format!("deploy/{part}.yaml"), &printed(Path::new(BINARY), &[part]).unwrap());
    }
}

#[test]
fn the_readme_lists_the_rules() {
    let rows = RULES.iter().map(|rule| format!("| {} | `{}` | {} |\n", rule.code, rule.name, rule.summary()));
    let table = format!("| code | name | what it does |\n|---|---|---|\n{}", rows.collect::<String>());
    compare_part("README.md", "rules", &table);
}
