//! Files of the repository that are derived from the rules, the settings and the chart.

use std::fs;

use bulkhead::doctor::CHECKS;
use bulkhead::policy::RULES;
use bulkhead::report::fields_markdown;
use bulkhead_harness::program::printed;
use serde_json::Value;
use support::snapshot_files::{compare, compare_part};
use support::{BINARY, repository};

#[test]
fn deploy_folder_matches_manifests_output() {
    for part in ["crds", "rbac"] {
        compare(&format!("deploy/chart/files/{part}.yaml"), &printed(&BINARY, &[part]).unwrap());
    }
    compare("deploy/webhooks.yaml", &printed(&BINARY, &["webhooks"]).unwrap());
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
fn table_of_the_doctor_matches_the_checks() {
    let rows = CHECKS
        .iter()
        .map(|check| format!("| `{}` | {} | {} |\n", check.name, check.severity.label(), check.expects));
    let table = format!("| check | severity | expected state |\n|---|---|---|\n{}", rows.collect::<String>());
    compare_part("doctor", &table);
}

#[test]
fn field_tables_match_the_code() {
    compare_part("fields", &fields_markdown());
}

/// The chart checks `settings` as the settings file is read.
#[test]
fn schema_of_the_charts_values_has_the_settings() {
    let file = "deploy/chart/values.schema.json";
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(repository(file)).unwrap()).unwrap();
    let mut settings = bulkhead::settings::schema().to_value();
    for unneeded in ["$schema", "title", "description"] {
        settings.as_object_mut().unwrap().remove(unneeded);
    }
    // References name definitions of the whole document.
    let component = schema["$defs"]["component"].take();
    schema["$defs"] = settings["$defs"].take();
    schema["$defs"]["component"] = component;
    settings.as_object_mut().unwrap().remove("$defs");
    schema["properties"]["settings"] = settings;
    compare(file, &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}

/// The paths of the leaves of the values, such as `webhook.replicas`.
fn leaves(value: &Value, path: &str) -> Vec<String> {
    let below = |(key, value): (&String, &Value)| leaves(value, &format!("{path}.{key}"));
    match value {
        Value::Object(fields) if !fields.is_empty() => fields.iter().flat_map(below).collect(),
        _ => vec![path.trim_start_matches('.').to_owned()],
    }
}

#[test]
fn readme_of_the_chart_lists_every_value() {
    let read = |file: &str| fs::read_to_string(repository(file)).unwrap();
    let values: Value = serde_saphyr::from_str(&read("deploy/chart/values.yaml")).unwrap();
    let readme = read("deploy/chart/README.md");
    let leaves = leaves(&values, "");
    assert!(leaves.len() > 50, "{leaves:?}");
    for leaf in &leaves {
        // One table has the values of both components.
        let of_component = ["webhook.", "controller."].iter().find_map(|part| leaf.strip_prefix(part));
        let path = of_component.unwrap_or(leaf);
        let parents = path.match_indices('.').map(|(at, _)| &path[..at]);
        let is_listed = |name: &str| readme.contains(&format!("\n| `{name}` |"));
        assert!(parents.chain([path]).any(is_listed), "deploy/chart/README.md does not list `{path}`");
    }
}

#[test]
fn table_of_alerts_matches_the_rules_of_prometheus() {
    let file = repository("deploy/chart/files/monitoring/prometheus-rule.yaml");
    let rule: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let groups = rule["spec"]["groups"].as_array().unwrap();
    let alerts = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let rows = alerts.map(|alert| {
        let text = |field: &Value| field.as_str().unwrap().replace('|', "\\|");
        let annotations = &alert["annotations"];
        let row = [&alert["alert"], &alert["labels"]["severity"]].map(text);
        let [meaning, command] = [&annotations["description"], &annotations["command"]].map(text);
        format!("| `{}` | {} | {meaning} | `{command}` |\n", row[0], row[1])
    });
    let header = "| alert | severity | meaning | command that tells more |\n|---|---|---|---|\n";
    compare_part("alerts", &format!("{header}{}", rows.collect::<String>()));
}
