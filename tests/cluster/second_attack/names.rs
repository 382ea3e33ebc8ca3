//! Names before and after they are trusted.

use serde_json::{Value, json};
use support::cluster::{new_tenant, shared};
use support::objects::{self, labelled_namespace};
use support::wait::until;

use super::{Attempts, DRY_RUN, get, merge, replace_raw};

const NAME: &[(&str, &str)] = &[("BH104", "metadata.name")];

fn generated(prefix: &str) -> String {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": prefix } }).to_string()
}

/// A Tenant or a setting trusts these names, and none of the namespaces exists.
#[test]
fn names_that_the_platform_trusts_are_taken_by_no_other_user() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let spec = json!({
        "owners": [
            { "kind": "ServiceAccount", "namespace": "second-ci", "name": "deployer" },
            { "kind": "Group", "name": "system:serviceaccounts:second-bots" },
            { "kind": "User", "name": "system:serviceaccount:second-robots:bot" },
        ],
        "grants": { "callers": [{ "namespace": "second-caller", "serviceAccount": "scraper" }] },
    });
    admin.apply(&objects::tenant("second-trust", &spec).to_string()).unwrap();
    let service = json!({
        "namespace": "shared-services", "selector": { "app": "second-store" }, "ports": [{ "port": 80 }],
        "egress": ["second-storage/*"],
    });
    admin.apply(&objects::shared_service("second-store", &service).to_string()).unwrap();
    admin.ok(&["create", "namespace", "second-caller"]).unwrap();
    admin.ok(&["delete", "namespace", "second-caller", "--timeout=60s"]).unwrap();

    let stranger = it.cluster.powerful("second-mallory", "strangers").unwrap();
    let argo = it.cluster.powerful("system:serviceaccount:second-argo:controller", "strangers").unwrap();
    let other = new_tenant(&it, "second-other");
    until(|| !stranger.run(&["create", "namespace", "second-ci", "--dry-run=server"]).unwrap().success);
    let mut attempts = Attempts::default();
    for (name, namespace) in [
        ("namespace of a service account that owns a Tenant", "second-ci"),
        ("namespace whose accounts are a group that owns a Tenant", "second-bots"),
        ("namespace of an owner that is written as a user", "second-robots"),
        ("namespace that a shared service calls", "second-storage"),
        ("namespace of a caller that was deleted", "second-caller"),
        ("namespace of the controller's dry runs", "bulkhead-probe"),
    ] {
        let create = ["create", "namespace", namespace];
        attempts.refused(name, &stranger, &create, "", NAME);
        // This one exists: an apply would change it.
        if namespace != "bulkhead-probe" {
            let manifest = labelled_namespace(namespace, &json!({ "team": "ci" })).to_string();
            attempts.refused(
                &format!("{name}, applied"),
                &argo,
                &["apply", "--server-side", "-f", "-"],
                &manifest,
                NAME,
            );
        }
        let said = other.run(&create).unwrap();
        attempts.holds(
            &format!("{name}, by a member of another tenant"),
            said.stderr.contains("BH104 metadata.name"),
            &said,
        );
    }
    for free in ["second-c", "second-cib", "second-robot"] {
        attempts.admitted(free, &stranger, &["create", "namespace", free, "--dry-run=server"], "");
    }
    for prefix in ["tenant-", "kube-", "istio-"] {
        attempts.refused(
            &format!("generated name `{prefix}`"),
            &stranger,
            &["create", "-f", "-"],
            &generated(prefix),
            NAME,
        );
    }
    // The API server adds no dash.
    let made = attempts.admitted(
        "generated name `tenant`",
        &stranger,
        &["create", "-o", "name", "-f", "-"],
        &generated("tenant"),
    );
    attempts.holds("generated name without a dash", !made.stdout.starts_with("namespace/tenant-"), &made);
    for (name, namespace) in [
        ("upper case", "Tenant-second-trust"),
        ("another hyphen", "tenant\u{2010}second-trust"),
        ("a space at the end", "tenant-second-trust "),
        ("an invisible letter", "kube\u{200b}-system"),
    ] {
        attempts.refused_by_the_api_server(
            name,
            &stranger,
            &["create", "-f", "-"],
            &labelled_namespace(namespace, &json!({})).to_string(),
            "Invalid value",
        );
    }
    // The accounts' namespaces come from the platform.
    attempts.admitted("the platform", &admin, &["create", "namespace", "second-ci", "--dry-run=server"], "");
    attempts.end();
}

/// The deletion of a Tenant is not yet a second old.
#[test]
fn retired_name_is_reserved_in_the_moment_of_the_deletion() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "second-fast");
    member.ok(&["create", "namespace", "tenant-second-fast"]).unwrap();
    admin.ok(&["delete", "namespace", "tenant-second-fast", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "second-fast"]).unwrap().success);
    let mut attempts = Attempts::default();
    let tenant = |name: &str, owner: &str| {
        let owners = json!([{ "kind": "User", "name": owner }]);
        objects::tenant(name, &json!({ "owners": owners })).to_string()
    };
    let retired: &[_] = &[("BH110", "metadata.name")];
    let create = ["create", "-f", "-"];
    attempts.refused(
        "Tenant of the retired name",
        &admin,
        &create,
        &tenant("second-fast", "second-heir"),
        retired,
    );
    attempts.refused("longer name", &admin, &create, &tenant("second-fast-eu", "second-heir"), retired);
    it.cluster.powerful("second-heir", "second-powerful").unwrap();
    let heir = it.cluster.user("second-heir", &["employees", "second-powerful"]).unwrap();
    attempts.refused("self-created Tenant", &heir, &create, &tenant("second-fast", "second-heir"), retired);
    let namespace = ["create", "namespace", "tenant-second-fast"];
    until(|| !member.run(&[&namespace[..], &["--dry-run=server"]].concat()).unwrap().success);
    attempts.refused("namespace by a former member", &member, &namespace, "", NAME);
    let applied = labelled_namespace("tenant-second-fast", &json!({})).to_string();
    attempts.refused(
        "namespace by a former member, applied",
        &member,
        &["apply", "--server-side", "-f", "-"],
        &applied,
        NAME,
    );
    attempts.admitted("another name", &heir, DRY_RUN, &tenant("second-slow", "second-heir"));
    attempts.end();
}

/// The entry for protected namespaces selects them by this label, and owners by the other one.
#[test]
fn labels_by_which_namespaces_are_selected_are_changed_through_no_resource() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let argo = it.cluster.powerful("system:serviceaccount:second-argo:controller", "strangers").unwrap();
    new_tenant(&it, "second-label");
    admin.ok(&["create", "namespace", "second-plain"]).unwrap();
    let mut attempts = Attempts::default();
    let written = |namespace: &str, change: &dyn Fn(&mut Value)| {
        let mut object = get(&admin, &["namespace", namespace]);
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        change(&mut object);
        object.to_string()
    };
    for resource in ["", "/status", "/finalize"] {
        let path = format!("/api/v1/namespaces/kube-system{resource}");
        let renamed = written("kube-system", &|object| {
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!("second-plain");
        });
        let said = argo.feed(&replace_raw(&path), &renamed).unwrap();
        let label =
            get(&admin, &["namespace", "kube-system"])["metadata"]["labels"]["kubernetes.io/metadata.name"]
                .clone();
        attempts.holds(
            &format!("name in a label of kube-system through `{resource}`"),
            label == "kube-system",
            &said,
        );

        let path = format!("/api/v1/namespaces/second-plain{resource}");
        let joined = written("second-plain", &|object| {
            object["metadata"]["labels"]["bulkhead.dev/tenant"] = json!("second-label");
        });
        let label: &[_] = &[("BH102", "metadata.labels[bulkhead.dev/tenant]")];
        attempts.refused(
            &format!("namespace that joins a tenant through `{resource}`"),
            &argo,
            &replace_raw(&path),
            &joined,
            label,
        );
    }
    let token = ["create", "token", "namespace-controller", "-n", "kube-system"];
    attempts.refused("token after the changes", &argo, &token, "", &[("BH407", "metadata.namespace")]);
    let forged = r#"{"status":{"conditions":[{"type":"GrantsResolved","status":"True","reason":"Resolved","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#;
    let status = [&merge(&["tenant", "second-label"], forged)[..], &["--subresource=status"]].concat();
    attempts.refused("forged condition of a Tenant", &argo, &status, "", &[("BH901", "metadata")]);
    attempts.admitted("other labels", &argo, &["label", "namespace", "second-plain", "team=payments"], "");
    attempts.end();
}
