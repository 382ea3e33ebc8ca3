//! The rights of owners, and the resolver of subjects, beside a plain statement of whom a tenant may give rights.

use bulkhead::kinds::{HARMLESS_KINDS, Operation, Resource};
use bulkhead::snapshot::User;
use bulkhead::sources::files;
use bulkhead_harness::program::printed;
use serde_json::{Value, json};
use support::judging::violations;
use support::{BINARY, WORLD};

const KINDS: [&str; 4] = ["User", "Group", "ServiceAccount", "Robot"];
const NAMESPACES: [&str; 9] = [
    "",
    "tenant-acme",
    "tenant-acme-new",
    "tenant-beta",
    "shared-services",
    "kube-system",
    "istio-system",
    "argocd",
    "tenant-acm",
];
const NAMES: [&str; 16] = [
    "acme-developers",
    "beta-developers",
    "alice",
    "web",
    "beta-deployer",
    "system:masters",
    "system:authenticated",
    "system:unauthenticated",
    "system:serviceaccounts",
    "system:anonymous",
    "system:nodes",
    "firefighters",
    "employees",
    "system:serviceaccounts:NAMESPACE",
    "system:serviceaccount:NAMESPACE:web",
    "system:serviceaccounts:NAMESPACE:web",
];
/// The tenant's namespaces, and those of the platform.
const OWN: [&str; 2] = ["tenant-acme", "tenant-acme-new"];
const OF_THE_PLATFORM: [&str; 3] = ["shared-services", "kube-system", "istio-system"];

/// A tenant gives rights to its service accounts, singly and by namespace, to its owners, and to the platform.
fn may_bind(kind: &str, name: &str, namespace: &str) -> bool {
    let is_account = |namespace: &str| OWN.contains(&namespace) || OF_THE_PLATFORM.contains(&namespace);
    match kind {
        "ServiceAccount" => is_account(namespace),
        "User" => name
            .strip_prefix("system:serviceaccount:")
            .and_then(|account| account.strip_suffix(":web"))
            .is_some_and(is_account),
        "Group" => {
            ["acme-developers", "system:masters"].contains(&name)
                || OWN.iter().any(|own| name == format!("system:serviceaccounts:{own}"))
        }
        _ => false,
    }
}

#[test]
fn subject_is_admitted_if_and_only_if_it_belongs_to_the_tenant_or_the_platform() {
    let documents = files::read(&[WORLD.into()]).unwrap();
    let snapshot = files::snapshot(&documents).unwrap();
    let user = User { name: "alice", groups: vec!["acme-developers"] };
    let mut admitted = 0;
    for (kind, namespace) in KINDS.iter().flat_map(|kind| NAMESPACES.iter().map(move |home| (*kind, *home))) {
        for name in NAMES.map(|name| name.replace("NAMESPACE", namespace)) {
            let subject = json!({ "kind": kind, "name": name, "namespace": namespace });
            let binding = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": { "name": "a", "namespace": "tenant-acme" },
                "roleRef": { "kind": "Role", "name": "a" }, "subjects": [subject],
            });
            let refused = violations(&snapshot, &user, &binding);
            assert_eq!(refused.is_empty(), may_bind(kind, &name, namespace), "{subject}: {refused:?}");
            admitted += usize::from(refused.is_empty());
        }
    }
    assert!(admitted > 80, "{admitted}");
}

/// Writes of owners that no rule needs to judge: they create no object and change none but a number of replicas.
const UNJUDGED: [[&str; 2]; 5] = [
    ["", "pods/eviction"],
    ["", "pods/portforward"],
    ["apps", "deployments/scale"],
    ["apps", "replicasets/scale"],
    ["apps", "statefulsets/scale"],
];

/// Owners have rights on kinds that a rule judges, or that reach nothing outside their namespace.
#[test]
fn owners_write_only_what_rules_judge() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&printed(&BINARY, &["rbac"]).unwrap()).unwrap();
    let named = |name: &str| {
        objects.iter().find(|role| role["kind"] == "ClusterRole" && role["metadata"]["name"] == name)
    };
    assert_eq!(named("bulkhead-tenant").unwrap().get("rules"), None, "Kubernetes writes them");
    let rules = named("bulkhead-aggregate-to-tenant").unwrap()["rules"].as_array().unwrap();
    let mut judged = 0;
    for rule in rules {
        let texts = |field: &str| -> Vec<&str> {
            rule[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
        };
        let verbs = texts("verbs");
        assert!(!verbs.iter().any(|verb| ["*", "bind", "escalate", "impersonate"].contains(verb)), "{rule}");
        let is_written = verbs.iter().any(|verb| ["create", "patch", "update"].contains(verb));
        let [group] = texts("apiGroups")[..] else { panic!("{rule}") };
        for name in texts("resources") {
            assert!(!name.contains('*') && group != "*", "{rule}");
            let (plural, subresource) = name.split_once('/').unwrap_or((name, ""));
            let is_harmless = HARMLESS_KINDS.iter().any(|[known, _, of]| [*known, *of] == [group, name]);
            let is_judged = Resource::find(group, plural, subresource).is_some_and(|resource| {
                let has = |operation| resource.operations.contains(&operation);
                has(Operation::Update)
                    || has(Operation::Connect)
                    || (has(Operation::Create) && verbs == ["create"])
            });
            assert!(
                !is_written || is_harmless || is_judged || UNJUDGED.contains(&[group, name]),
                "{rule}: {name}"
            );
            judged += usize::from(is_written && is_judged);
        }
    }
    assert!(judged > 30, "{judged}");
}
