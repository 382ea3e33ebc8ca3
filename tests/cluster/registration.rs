//! The webhook configurations beside the resources that the real API server serves.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead::kinds::Resource;
use bulkhead::settings::Settings;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::shared;

/// Subresources that are written without a rule, by the reason for it.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "the number of pods of a template, not the pods",
        &["deployments/scale", "replicasets/scale", "replicationcontrollers/scale", "statefulsets/scale"],
    ),
    (
        "the API server keeps the template or the spec unchanged",
        &[
            "cronjobs/status",
            "daemonsets/status",
            "deployments/status",
            "ingresses/status",
            "jobs/status",
            "persistentvolumeclaims/status",
            "replicasets/status",
            "replicationcontrollers/status",
            "statefulsets/status",
        ],
    ),
    (
        "the API server changes only the status of a custom resource",
        &[
            "authorizationpolicies/status",
            "backendtlspolicies/status",
            "destinationrules/status",
            "envoyfilters/status",
            "gateways/status",
            "grpcroutes/status",
            "httproutes/status",
            "listenersets/status",
            "peerauthentications/status",
            "proxyconfigs/status",
            "requestauthentications/status",
            "serviceentries/status",
            "servicemonitors/status",
            "sidecars/status",
            "tcproutes/status",
            "telemetries/status",
            "tlsroutes/status",
            "trafficextensions/status",
            "udproutes/status",
            "virtualservices/status",
            "wasmplugins/status",
            "workloadentries/status",
            "workloadgroups/status",
        ],
    ),
    (
        "the request stays as it was judged, and RBAC on the signer decides who signs it",
        &["certificatesigningrequests/approval", "certificatesigningrequests/status"],
    ),
    ("deletes a pod, and every pod may be deleted", &["pods/eviction"]),
    ("reaches every port of a pod, and the API server does not say which", &["pods/portforward"]),
];

fn get(kubectl: &Kubectl, path: &str) -> Value {
    serde_json::from_str(&kubectl.ok(&["get", "--raw", path]).unwrap()).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The versions of a group that the API server serves.
fn served_versions(kubectl: &Kubectl, group: &str) -> Vec<String> {
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

/// The API server would never send a resource that is misspelt in the configuration.
#[test]
fn judged_resources_are_registered_and_served() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tenant-bulkhead";
    let settings = Settings::default();
    let mut registered = BTreeSet::new();
    for entry in get(&admin, path)["webhooks"].as_array().unwrap() {
        // The entry for protected namespaces gets every resource. Reserved kinds need not exist.
        let reserved: BTreeSet<&str> =
            settings.reserved_kinds.iter().map(|kind| kind.resource.as_str()).collect();
        let is_reserved = |rule: &Value| {
            rule["apiVersions"] == json!(["*"])
                && texts(&rule["resources"]).iter().all(|name| reserved.contains(&**name))
        };
        let rules = entry["rules"].as_array().unwrap().iter();
        for rule in rules.filter(|rule| rule["resources"] != json!(["*/*"]) && !is_reserved(rule)) {
            let [groups, versions, resources, operations] =
                ["apiGroups", "apiVersions", "resources", "operations"].map(|key| texts(&rule[key]));
            let ([group], [version]) = (groups.as_slice(), versions.as_slice()) else { panic!("{rule}") };
            let of_group = |version: String| served(&admin, group, &version);
            let served: BTreeMap<String, Vec<String>> = match version.as_str() {
                "*" => served_versions(&admin, group).into_iter().flat_map(of_group).collect(),
                version => of_group(version.to_owned()),
            };
            for resource in resources {
                let verbs = served.get(&resource);
                for operation in &operations {
                    let verb = match operation.as_str() {
                        "CONNECT" => "get".to_owned(),
                        operation => operation.to_ascii_lowercase(),
                    };
                    let is_served = verbs.is_some_and(|verbs| verbs.contains(&verb));
                    assert!(is_served, "{operation} of {resource} in {group}/{version}: {verbs:?}");
                }
                registered.insert((group.clone(), resource));
            }
        }
    }
    let listed = |resource: Resource| (resource.group.to_owned(), resource.path());
    assert_eq!(registered, Resource::all().map(listed).collect());
}

#[test]
fn unregistered_subresources_are_listed_with_a_reason() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let groups: BTreeSet<&str> = Resource::all().map(|resource| resource.group).collect();
    let mut found = BTreeSet::new();
    for group in groups {
        for version in served_versions(&admin, group) {
            for (name, verbs) in served(&admin, group, &version) {
                let Some((resource, subresource)) = name.split_once('/') else { continue };
                let is_judged = Resource::find(group, resource, "").is_some();
                let is_written =
                    verbs.iter().any(|verb| ["create", "patch", "update"].contains(&verb.as_str()));
                if is_judged && is_written && Resource::find(group, resource, subresource).is_none() {
                    found.insert(name);
                }
            }
        }
    }
    let left_out = LEFT_OUT.iter().flat_map(|(_, names)| *names);
    assert_eq!(found, left_out.map(|name| (*name).to_owned()).collect());
}
