//! A Tenant from its first day to long after its last, through the real API server.

use std::path::Path;

use bulkhead_harness::program::{Installation, printed};
use serde_json::json;

use crate::cluster::{BINARY, bulkhead, held_up, is_ready, namespace, pod, reason, shared, tenant, until};
use crate::namespaces::labelled;

#[test]
fn a_tenant_has_as_many_namespaces_as_it_may() {
    let it = shared();
    let member = tenant(&it, "ns-limit");
    let admin = it.cluster.admin().unwrap();
    let limit = |limit: &str| {
        let patch = format!(r#"{{"spec":{{"namespaces":{{"limit":{limit}}}}}}}"#);
        admin.ok(&["patch", "tenant", "ns-limit", "--type=merge", "-p", &patch]).unwrap();
    };
    limit("1");
    namespace(&member, "ns-limit");
    for kubectl in [&member, &admin] {
        let more = labelled("tenant-ns-limit-more", &json!({ "bulkhead.dev/tenant": "ns-limit" }));
        until(|| {
            let said = kubectl.feed(&["create", "--dry-run=server", "-f", "-"], &more).unwrap();
            said.stderr
                .contains(
                    "BH106 metadata.labels[bulkhead.dev/tenant]: tenant ns-limit may have 1 namespaces, and has 1; \
                     delete one, or have the platform raise `spec.namespaces.limit` of the Tenant",
                )
        });
    }

    // One that came past another replica is there, and never made ready.
    limit("2");
    until(|| {
        member.run(&["create", "namespace", "tenant-ns-limit-more", "--dry-run=server"]).unwrap().success
    });
    let release = held_up(&admin, "legacy-ns-limit", "ns-limit");
    limit("1");
    until(|| {
        let said = member.feed(&["create", "-f", "-"], &pod("legacy-ns-limit").to_string()).unwrap();
        said.stderr
            .contains("BH203 metadata.namespace: `legacy-ns-limit` is one namespace too many for tenant ns-limit, and never made ready")
    });
    // The controller has seen it too.
    until(|| {
        let path = "jsonpath={.status.conditions[0].message}";
        let message = admin.ok(&["get", "tenant", "ns-limit", "-o", path]).unwrap();
        message == "beyond `spec.namespaces.limit`, and never made ready: `legacy-ns-limit`"
    });
    release();
    until(|| {
        let bindings = ["get", "rolebinding", "tenant-owners", "-n", "legacy-ns-limit"];
        admin.run(&bindings).unwrap().success
    });
    let ready = "jsonpath={.status.conditions}";
    assert_eq!(admin.ok(&["get", "namespace", "legacy-ns-limit", "-o", ready]).unwrap(), "");
    limit("2");
    is_ready(&admin, "legacy-ns-limit");
}

#[test]
fn tenants_that_could_be_taken_for_each_other_are_refused() {
    let it = shared();
    tenant(&it, "ns-over");
    let admin = it.cluster.admin().unwrap();
    let another = |name: &str| {
        json!({ "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": name }, "spec": {} }).to_string()
    };
    for (name, shorter) in [("ns-over-eu", "ns-over"), ("ns", "ns")] {
        let said = admin.feed(&["create", "-f", "-"], &another(name)).unwrap();
        let says = format!(
            "BH107 metadata.name: a namespace `tenant-{shorter}-…` could be tenant {name}'s and tenant ns-"
        );
        assert!(said.stderr.contains(&says), "{said:?}");
    }
    admin.feed(&["create", "-f", "-"], &another("nsover")).unwrap();

    let member = it.cluster.user("ns-over-alice", &["ns-over-developers"]).unwrap();
    member.ok(&["create", "namespace", "tenant-ns-over"]).unwrap();
    until(|| {
        let said = admin.run(&["delete", "tenant", "ns-over", "--dry-run=server"]).unwrap();
        said.stderr
            .contains("BH108 metadata.name: it has the namespaces `tenant-ns-over`; delete them first, or move them to another tenant")
    });
    admin.ok(&["delete", "namespace", "tenant-ns-over", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "ns-over"]).unwrap().success);
}

/// Two that came at once, each past a replica that did not know the other: the older one counts. Whoever breaks the
/// glass can make the second come at any time.
#[test]
fn of_two_tenants_that_overlap_the_older_counts() {
    let it = shared();
    let older = tenant(&it, "tn-twin");
    it.cluster.powerful("tn-twin-unused", "firefighters").unwrap();
    let fire = it.cluster.certified_user("tn-twin-fire", "firefighters").unwrap();
    let younger = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "tn-twin-eu" },
        "spec": { "owners": [{ "kind": "User", "name": "tn-twin-eu-bob" }] },
    });
    let said = fire.feed(&["create", "-f", "-"], &younger.to_string()).unwrap();
    assert!(said.success && said.stderr.contains("BH107"), "{said:?}");
    let admin = it.cluster.admin().unwrap();
    until(|| reason(&admin, "tn-twin-eu") == "NameOverlaps");
    // What could be either's is the older one's.
    let bob = it.cluster.powerful("tn-twin-eu-bob", "tn-twin-strangers").unwrap();
    let said = bob.run(&["create", "namespace", "tenant-tn-twin-eu"]).unwrap();
    assert!(said.stderr.contains("BH104"), "{said:?}");
    older.ok(&["create", "namespace", "tenant-tn-twin-eu"]).unwrap();
    let path = "jsonpath={.metadata.labels.bulkhead\\.dev/tenant}";
    assert_eq!(older.ok(&["get", "namespace", "tenant-tn-twin-eu", "-o", path]).unwrap(), "tn-twin");
    // It counts once it is alone.
    admin.ok(&["delete", "namespace", "tenant-tn-twin-eu", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "tn-twin"]).unwrap().success);
    until(|| reason(&admin, "tn-twin-eu") == "InForce");
}

/// What the API server itself refuses, by the schema.
#[test]
fn what_a_tenant_cannot_say_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let group = json!({ "kind": "Group", "name": "tn-twice" });
    for (spec, says) in [
        (json!({ "owners": [group, group] }), "an owner is listed twice"),
        (
            json!({ "owners": [{ "kind": "Group", "name": "a", "namespace": "b" }] }),
            "namespace belongs to a ServiceAccount",
        ),
        (json!({ "enforcement": "Perhaps" }), "spec.enforcement: Unsupported value"),
        (json!({ "namespaces": { "limit": -1 } }), "spec.namespaces.limit"),
    ] {
        let tenant = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "tn-wrong" }, "spec": spec,
        });
        let said = admin.feed(&["create", "-f", "-"], &tenant.to_string()).unwrap();
        assert!(said.stderr.contains(says), "{says}: {said:?}");
    }
    let service = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": "tn-anybody" },
        "spec": {
            "namespace": "shared-services", "serviceAccount": "default",
            "selector": { "app": "a" }, "ports": [{ "port": 80 }],
        },
    });
    let said = admin.feed(&["create", "-f", "-"], &service.to_string()).unwrap();
    assert!(said.stderr.contains("every namespace has a `default`"), "{said:?}");
    // The examples are what the schemas say.
    admin.ok(&["apply", "--dry-run=server", "-f", "examples/world/exemptions.yaml"]).unwrap();
}

/// Whoever deletes the kinds deletes every Tenant at once: what they had stays closed, and is theirs again when they
/// come back.
#[test]
fn what_tenants_had_stays_when_their_kind_is_deleted() {
    let it = Installation::start(Path::new(BINARY), |_| {}).unwrap();
    let admin = it.cluster.admin().unwrap();
    let member = tenant(&it, "crd");
    let name = namespace(&member, "crd");
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": name },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
        } },
    });
    member.apply(&web.to_string()).unwrap();
    let pods = || member.ok(&["get", "pods", "-n", &name, "-o", "name"]).unwrap();
    until(|| pods().lines().count() == 1);
    let policies =
        || member.ok(&["get", "networkpolicies", "-n", &name, "-o", "name"]).unwrap().lines().count();

    // The API server itself deletes what is of a kind that goes, and asks nobody.
    admin.ok(&["delete", "crd", "tenants.bulkhead.dev", "--timeout=60s"]).unwrap();

    // Nobody's any more: the walls stand, what ran is replaced, and nobody acts for the tenant.
    until(|| {
        let said = member
            .run(&["create", "namespace", "tenant-crd-more", "--dry-run=server", "-o", "json"])
            .unwrap();
        !said.stdout.contains("bulkhead.dev/tenant")
    });
    let said = admin.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
    assert!(said.stderr.contains("BH201"), "{said:?}");
    let before = pods();
    member.ok(&["delete", "pods", "--all", "-n", &name, "--now"]).unwrap();
    until(|| pods().lines().count() == 1 && pods() != before);
    assert_eq!(policies(), 5);

    // Whoever is faster than Git does not get them.
    let crds = printed(Path::new(BINARY), &["crds"]).unwrap();
    admin.apply(&crds).unwrap();
    admin.ok(&["wait", "--for=condition=Established", "crd/tenants.bulkhead.dev"]).unwrap();
    let mallory = it.cluster.powerful("crd-mallory", "strangers").unwrap();
    let taken = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "crd" },
        "spec": { "owners": [{ "kind": "User", "name": "crd-mallory" }] },
    });
    let said = until(|| {
        let said = mallory.feed(&["create", "-f", "-"], &taken.to_string()).unwrap();
        (!said.stderr.contains("NotFound")).then_some(said)
    });
    assert!(said.stderr.contains("BH901 metadata.name: a tenant of this name had namespaces"), "{said:?}");

    // The same Tenant comes back from Git, and its namespaces are its own.
    let member = tenant(&it, "crd");
    until(|| {
        let path = "jsonpath={.status.namespaces}{.status.conditions[0].reason}";
        let shown = admin.run(&["get", "tenant", "crd", "-o", path]).unwrap().stdout;
        shown == "1InForce"
    });
    member.ok(&["label", "namespace", &name, "team=payments"]).unwrap();
    assert_eq!(policies(), 5);

    // A kind that the cluster does not serve keeps nobody from looking at the others.
    admin.ok(&["delete", "crd", "trafficextensions.extensions.istio.io", "--timeout=60s"]).unwrap();
    let found = bulkhead(&admin, &["audit", "--tenant", "crd"]);
    assert_eq!(found.0, 0, "{found:?}");
}
