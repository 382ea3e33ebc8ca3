//! The resolver of subjects, beside a plain statement of whom a tenant may give rights.

use bulkhead::policy::object::Stage;
use bulkhead::policy::{Review, Verdict, judge};
use bulkhead::snapshot::User;
use bulkhead::sources::files;
use serde_json::json;
use serde_json::value::to_raw_value;
use support::WORLD;

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
    let mut admitted = 0;
    for (kind, namespace) in KINDS.iter().flat_map(|kind| NAMESPACES.iter().map(move |home| (*kind, *home))) {
        for name in NAMES.map(|name| name.replace("NAMESPACE", namespace)) {
            let subject = json!({ "kind": kind, "name": name, "namespace": namespace });
            let binding = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": { "name": "a", "namespace": "tenant-acme" },
                "roleRef": { "kind": "Role", "name": "a" }, "subjects": [subject],
            });
            let raw = to_raw_value(&binding).unwrap();
            let review = Review {
                is_in_unowned_namespace: false,
                operation: "CREATE",
                group: "rbac.authorization.k8s.io",
                resource: "rolebindings",
                subresource: "",
                namespace: "tenant-acme",
                user: User { name: "alice", groups: vec!["acme-developers"] },
                stage: Stage::Mutated,
                time: 1_780_272_000,
                object: Some((&*raw).into()),
                old_object: None,
            };
            let Verdict::Judged { refused, .. } = judge(&review, &snapshot) else { panic!("{binding}") };
            assert_eq!(refused.is_empty(), may_bind(kind, &name, namespace), "{subject}: {refused:?}");
            admitted += usize::from(refused.is_empty());
        }
    }
    assert!(admitted > 80, "{admitted}");
}
