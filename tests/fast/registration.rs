//! The webhook configurations, as `bulkhead manifests` prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bulkhead::kinds::{Resource, WebhookEntry};
use bulkhead::policy::{JudgeError, Retry, Review, Verdict, judge};
use bulkhead::registration::{Places, Service, mutating, validating};
use bulkhead::settings::Settings;
use bulkhead::snapshot::{ClusterState, Snapshot};
use bulkhead::sources::files;
use serde_json::{Value, json};
use support::{SETTINGS, repository};

/// The validating entries, and the mutating ones.
fn entries() -> [Vec<Value>; 2] {
    entries_with(Path::new(SETTINGS))
}

fn entries_with(settings: &Path) -> [Vec<Value>; 2] {
    let settings = files::settings(settings).unwrap();
    let service = Service {
        namespace: "bulkhead-system".to_owned(),
        name: "bulkhead".to_owned(),
        port: 443,
        ca_bundle: None,
        settings_config_map: "bulkhead-settings".to_owned(),
    };
    let validating = serde_json::to_value(validating(&service, Places::of_settings(&settings))).unwrap();
    let mutating = serde_json::to_value(mutating(&service)).unwrap();
    [validating, mutating].map(|configuration| configuration["webhooks"].as_array().unwrap().clone())
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// No label of an object exempts it from the webhook: the API server selects by the namespace alone, and namespaces,
/// Tenants and other cluster-wide objects without any selector.
#[test]
fn webhook_configurations_have_no_object_selector() {
    let protected = ["bulkhead-probe", "bulkhead-system", "istio-system", "monitoring", "shared-services"];
    let of_tenants = json!({ "matchExpressions": [
        { "key": "bulkhead.dev/tenant", "operator": "Exists" },
        { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": protected },
    ] });
    let shared = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In",
        "values": protected,
    }] });
    let credentials = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["istio-ingress", "kube-system"],
    }] });
    let platform = [
        "bulkhead-probe",
        "bulkhead-system",
        "default",
        "istio-ingress",
        "istio-system",
        "kube-node-lease",
        "kube-public",
        "kube-system",
        "monitoring",
        "shared-services",
    ];
    let unowned = json!({ "matchExpressions": [
        { "key": "bulkhead.dev/tenant", "operator": "DoesNotExist" },
        { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": platform },
    ] });
    let own = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["bulkhead-system"],
    }] });
    let entries = entries().concat();
    let found: Vec<(&str, &Value)> =
        entries.iter().map(|entry| (entry["name"].as_str().unwrap(), &entry["namespaceSelector"])).collect();
    assert_eq!(
        found,
        [
            ("namespaces.bulkhead.dev", &Value::Null),
            ("workloads.bulkhead.dev", &of_tenants),
            ("workload-changes.bulkhead.dev", &of_tenants),
            ("policies.bulkhead.dev", &of_tenants),
            ("identities.bulkhead.dev", &of_tenants),
            ("services.bulkhead.dev", &of_tenants),
            ("shared.bulkhead.dev", &shared),
            ("credentials.bulkhead.dev", &credentials),
            ("unowned.bulkhead.dev", &unowned),
            ("cluster.bulkhead.dev", &Value::Null),
            ("settings.bulkhead.dev", &own),
            ("labels.bulkhead.dev", &Value::Null),
        ]
    );
    for entry in &entries {
        assert_eq!(entry["objectSelector"], Value::Null, "{entry}");
    }
}

#[test]
fn validating_webhooks_fail_closed_for_every_version() {
    let [validating, mutating] = entries();
    let policies =
        |entry: &Value| ["failurePolicy", "matchPolicy", "sideEffects"].map(|key| entry[key].clone());
    for entry in &validating {
        // The platform can change its settings in an outage.
        let policy = if entry["name"] == "settings.bulkhead.dev" { "Ignore" } else { "Fail" };
        assert_eq!(policies(entry), [policy, "Equivalent", "None"], "{entry}");
    }
    // The validating side refuses a namespace without its labels.
    for entry in &mutating {
        assert_eq!(policies(entry), ["Ignore", "Equivalent", "None"], "{entry}");
    }
}

/// A condition on a new pod costs the API server more than the rest of the call. All other writes have one, so that the
/// API server itself can start.
#[test]
fn only_new_workloads_are_sent_without_conditions() {
    let [validating, _] = entries();
    for entry in &validating {
        let rules = entry["rules"].as_array().unwrap().iter();
        let operations: BTreeSet<&str> = rules.flat_map(|rule| texts(&rule["operations"])).collect();
        let is_for_new_workloads = entry["name"] == "workloads.bulkhead.dev";
        assert_eq!(entry["matchConditions"].is_null(), is_for_new_workloads, "{}", entry["name"]);
        assert_eq!(operations == BTreeSet::from(["CREATE"]), is_for_new_workloads, "{}", entry["name"]);
    }
}

/// Each write to a judged resource of a tenant has exactly one webhook.
#[test]
fn webhooks_for_workloads_share_no_write_and_leave_out_none() {
    let [validating, _] = entries();
    let mut sent = BTreeMap::new();
    for entry in
        validating.iter().filter(|entry| entry["clientConfig"]["service"]["path"] == "/validate/workloads")
    {
        for rule in entry["rules"].as_array().unwrap() {
            for (resource, operation) in texts(&rule["resources"])
                .flat_map(|resource| texts(&rule["operations"]).map(move |operation| (resource, operation)))
            {
                let group = rule["apiGroups"][0].as_str().unwrap();
                *sent.entry(format!("{operation} {resource} {group}")).or_insert(0) += 1;
            }
        }
    }
    let workloads = Resource::all().filter(|resource| resource.kind.entry() == Some(WebhookEntry::Workloads));
    let judged = workloads.flat_map(|resource| {
        let writes = resource.operations.iter();
        writes.map(move |write| format!("{} {} {}", write.name(), resource.path(), resource.group))
    });
    assert_eq!(sent, judged.map(|write| (write, 1)).collect());
}

/// The credentials of a service account that acts for the platform are judged in its namespace.
#[test]
fn namespaces_of_platform_accounts_are_selected() {
    let entries = entries_with(&repository("examples/snapshots/platform-accounts.yaml"));
    let mut entries = entries.concat().into_iter();
    let credentials = entries.find(|entry| entry["name"] == "credentials.bulkhead.dev").unwrap();
    let namespaces = credentials["namespaceSelector"]["matchExpressions"][0]["values"].as_array().unwrap();
    let conditions = credentials["matchConditions"].to_string();
    for (namespace, text) in [("gitops", "'gitops/deployer'"), ("platform-jobs", "'platform-jobs'")] {
        assert!(namespaces.contains(&json!(namespace)), "{namespaces:?}");
        assert!(conditions.contains(text), "{conditions}");
    }
}

/// The API server pays for a condition. Each comparison is of whole maps and lists, and what is walked has a fixed length:
/// a list that is written in the condition, the groups of the user, or conditions of a namespace after a comparison of their number.
#[test]
fn match_conditions_walk_no_list_that_a_user_fills() {
    let macros = [
        ".exists(",
        ".all(",
        ".exists_one(",
        ".map(",
        ".filter(",
        ".transformList(",
        ".transformMap(",
        ".matches(",
    ];
    for entry in entries().concat() {
        for condition in entry["matchConditions"].as_array().into_iter().flatten() {
            let text = condition["expression"].as_str().unwrap();
            for (start, _) in macros.iter().flat_map(|name| text.match_indices(name)) {
                let before = &text[..start];
                let is_literal = before.ends_with("'tenant']");
                let is_identity = before.ends_with("request.userInfo.?groups.orValue([])");
                let is_bounded = before.ends_with(".orValue([])") && before.contains(" > 32 || ");
                assert!(is_literal || is_identity || is_bounded, "{}: {}", entry["name"], &text[start..]);
            }
            assert!(!text.contains(" in oldObject.metadata[") && !text.contains("!(item in "), "{text}");
        }
    }
}

/// A replica can be older than the registration, which names a namespace because of a new SharedService.
#[test]
fn write_in_a_namespace_that_the_snapshot_does_not_know_is_retried() {
    let snapshot = Snapshot::new(Arc::new(Settings::default()), ClusterState::default());
    for (group, resource) in [("networking.istio.io", "destinationrules"), ("", "configmaps")] {
        let review =
            Review { operation: "DELETE", group, resource, namespace: "just-created", ..Review::default() };
        let verdict = judge(&review, &snapshot);
        assert!(matches!(verdict, Verdict::Unjudged(JudgeError::UnknownNamespace(_))), "{verdict:?}");
        assert_eq!(verdict.retry(), Retry::Refresh);
    }
}
