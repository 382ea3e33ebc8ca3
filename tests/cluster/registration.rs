//! What the API server sends to the webhook: the configurations as they are printed, which is a unit test, and beside
//! them whatever the real API server serves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bulkhead::policy::kind::{DOORS, Door};
use bulkhead::registration::{Service, mutating, validating};
use bulkhead::sources::files;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use crate::cluster::shared;

const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world/settings.yaml");

/// Written through, and past every rule: why that may be.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "how many pods are made of a template, not which",
        &["deployments/scale", "replicasets/scale", "replicationcontrollers/scale", "statefulsets/scale"],
    ),
    (
        "here the API server leaves the template as it is",
        &[
            "cronjobs/status",
            "daemonsets/status",
            "deployments/status",
            "jobs/status",
            "replicasets/status",
            "replicationcontrollers/status",
            "statefulsets/status",
        ],
    ),
    (
        "of a custom resource the API server takes nothing but the status here",
        &[
            "authorizationpolicies/status",
            "envoyfilters/status",
            "peerauthentications/status",
            "proxyconfigs/status",
            "serviceentries/status",
            "sidecars/status",
            "telemetries/status",
            "trafficextensions/status",
            "virtualservices/status",
            "wasmplugins/status",
        ],
    ),
    ("ends a pod, which may be done to any", &["pods/eviction"]),
    (
        "goes into a pod that is there, which no rule judges yet",
        &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"],
    ),
];

/// The entries that judge, and the one that labels.
fn entries() -> [Vec<Value>; 2] {
    let settings = files::settings(Path::new(SETTINGS)).unwrap();
    let service = Service {
        namespace: "bulkhead-system".to_owned(),
        name: "bulkhead".to_owned(),
        port: 443,
        ca_bundle: None,
    };
    let judging = serde_json::to_value(validating(&service, &settings)).unwrap();
    let labelling = serde_json::to_value(mutating(&service, &settings)).unwrap();
    [judging, labelling].map(|configuration| configuration["webhooks"].as_array().unwrap().clone())
}

/// The API server chooses by the namespace alone; of a namespace, a Tenant and the like by nothing.
#[test]
fn nothing_on_an_object_keeps_the_webhook_from_being_asked() {
    let of_tenants = json!({ "matchExpressions": [{ "key": "bulkhead.dev/tenant", "operator": "Exists" }] });
    let shared = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["monitoring", "shared-services", "istio-system"],
    }] });
    let entries = entries().concat();
    let found: Vec<(&str, &Value)> =
        entries.iter().map(|entry| (entry["name"].as_str().unwrap(), &entry["namespaceSelector"])).collect();
    assert_eq!(
        found,
        [
            ("namespaces.bulkhead.dev", &Value::Null),
            ("workloads.bulkhead.dev", &of_tenants),
            ("policies.bulkhead.dev", &of_tenants),
            ("identities.bulkhead.dev", &of_tenants),
            ("shared.bulkhead.dev", &shared),
            ("cluster.bulkhead.dev", &Value::Null),
            ("labels.bulkhead.dev", &Value::Null),
        ]
    );
    for entry in &entries {
        assert_eq!(entry["objectSelector"], Value::Null, "{entry}");
    }
}

#[test]
fn who_judges_is_asked_in_every_version_and_missed_when_silent() {
    let [judging, labelling] = entries();
    let said = |entry: &Value| ["failurePolicy", "matchPolicy", "sideEffects"].map(|key| entry[key].clone());
    for entry in &judging {
        assert_eq!(said(entry), ["Fail", "Equivalent", "None"], "{entry}");
    }
    // A label that is missing is noticed by those who judge.
    for entry in &labelling {
        assert_eq!(said(entry), ["Ignore", "Equivalent", "None"], "{entry}");
    }
}

fn get(kubectl: &Kubectl, path: &str) -> Value {
    serde_json::from_str(&kubectl.ok(&["get", "--raw", path]).unwrap()).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The versions of a group that the API server serves.
fn versions(kubectl: &Kubectl, group: &str) -> Vec<String> {
    if group.is_empty() {
        return vec!["v1".to_owned()];
    }
    let known = get(kubectl, &format!("/apis/{group}"));
    let version = |known: &Value| known["version"].as_str().unwrap().to_owned();
    known["versions"].as_array().unwrap().iter().map(version).collect()
}

/// The resources of one version of a group, such as `pods/status`, each with the verbs it is served with.
fn served(kubectl: &Kubectl, group: &str, version: &str) -> BTreeMap<String, Vec<String>> {
    let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let list = get(kubectl, &path);
    let resource = |known: &Value| (known["name"].as_str().unwrap().to_owned(), texts(&known["verbs"]));
    list["resources"].as_array().unwrap().iter().map(resource).collect()
}

/// A name that is misspelt in a registration is asked about never.
#[test]
fn every_door_is_registered_and_served() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tenant-bulkhead";
    let mut registered = BTreeSet::new();
    for entry in get(&admin, path)["webhooks"].as_array().unwrap() {
        for rule in entry["rules"].as_array().unwrap() {
            let [groups, versions, resources, operations] =
                ["apiGroups", "apiVersions", "resources", "operations"].map(|key| texts(&rule[key]));
            let ([group], [version]) = (groups.as_slice(), versions.as_slice()) else { panic!("{rule}") };
            let served = served(&admin, group, version);
            for resource in resources {
                let verbs = served.get(&resource);
                for operation in &operations {
                    let is_served =
                        verbs.is_some_and(|verbs| verbs.contains(&operation.to_ascii_lowercase()));
                    assert!(is_served, "{operation} of {resource} in {group}/{version}: {verbs:?}");
                }
                registered.insert((group.clone(), resource));
            }
        }
    }
    let listed = |door: &Door| (door.kind.resource_group().to_owned(), door.path());
    assert_eq!(registered, DOORS.iter().map(listed).collect());
}

#[test]
fn no_other_subresource_leads_to_what_is_judged() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let groups: BTreeSet<&str> = DOORS.iter().map(|door| door.kind.resource_group()).collect();
    let mut found = BTreeSet::new();
    for group in groups {
        for version in versions(&admin, group) {
            for (name, verbs) in served(&admin, group, &version) {
                let Some((resource, subresource)) = name.split_once('/') else { continue };
                let is_judged = Door::find(group, resource, "").is_some();
                let is_written =
                    verbs.iter().any(|verb| ["create", "patch", "update"].contains(&verb.as_str()));
                if is_judged && is_written && Door::find(group, resource, subresource).is_none() {
                    found.insert(name);
                }
            }
        }
    }
    let left_out = LEFT_OUT.iter().flat_map(|(_, names)| *names);
    assert_eq!(found, left_out.map(|name| (*name).to_owned()).collect());
}
