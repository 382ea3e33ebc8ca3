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
    // An address for documentation: without one the policy would keep the API servers out.
    compare("deploy/network.yaml", &printed(&BINARY, &["network", "--api-servers", "192.0.2.10"]).unwrap());
}

#[test]
fn network_policy_without_api_servers_is_not_printed() {
    let error = printed(&BINARY, &["network"]).unwrap_err().to_string();
    assert!(error.contains("--api-servers"), "{error}");
    assert!(!printed(&BINARY, &[]).unwrap().contains("kind: NetworkPolicy"));
    for bad in ["api.example.com", "192.0.2.0/33", ""] {
        let error = printed(&BINARY, &["network", "--api-servers", bad]).unwrap_err().to_string();
        assert!(error.contains("--api-servers"), "{bad}: {error}");
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
