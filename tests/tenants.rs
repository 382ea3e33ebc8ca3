//! A Tenant from its first day to long after its last, through the real API server.

use std::path::Path;
use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::{Installation, printed};
use serde_json::json;

use crate::cluster::{BINARY, bulkhead, held_up, is_ready, namespace, pod, shared, tenant, until, within};
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
                .then_some(())
        });
    }

    // One that came past another replica is there, and never made ready.
    limit("2");
    until(|| {
        member
            .run(&["create", "namespace", "tenant-ns-limit-more", "--dry-run=server"])
            .unwrap()
            .success
            .then_some(())
    });
    let release = held_up(&admin, "legacy-ns-limit", "ns-limit");
    limit("1");
    until(|| {
        let said = member.feed(&["create", "-f", "-"], &pod("legacy-ns-limit").to_string()).unwrap();
        said.stderr
            .contains("BH203 metadata.namespace: `legacy-ns-limit` is one namespace too many for tenant ns-limit, and never made ready")
            .then_some(())
    });
    // The controller has seen it too.
    until(|| {
        let path = "jsonpath={.status.conditions[0].message}";
        let message = admin.ok(&["get", "tenant", "ns-limit", "-o", path]).unwrap();
        (message == "beyond `spec.namespaces.limit`, and never made ready: `legacy-ns-limit`").then_some(())
    });
    release();
    until(|| {
        let bindings = ["get", "rolebinding", "tenant-owners", "-n", "legacy-ns-limit"];
        admin.run(&bindings).unwrap().success.then_some(())
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
            .then_some(())
    });
    admin.ok(&["delete", "namespace", "tenant-ns-over", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "ns-over"]).unwrap().success.then_some(()));
}

/// What became of a Tenant stands in its status, for those who may read it.
#[test]
fn a_tenant_says_what_became_of_it() {
    let it = shared();
    let member = tenant(&it, "ns-status");
    let admin = it.cluster.admin().unwrap();
    let conditions = |kubectl: &Kubectl| -> Vec<String> {
        let path =
            "jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{'\\n'}{end}";
        let shown = kubectl.run(&["get", "tenant", "ns-status", "-o", path]).unwrap().stdout;
        shown.lines().map(ToOwned::to_owned).collect()
    };
    let says = |wanted: [&str; 2]| until(|| (conditions(&admin) == wanted).then_some(()));
    let in_force = "Ready=True InForce: every namespace it has is ready";
    says([in_force, "GrantsResolved=True Resolved: everything it was granted is there"]);
    let grant =
        r#"{"spec":{"grants":{"reach":{"sharedServices":["ns-status-nothing"]}},"namespaces":{"limit":2}}}"#;
    admin.ok(&["patch", "tenant", "ns-status", "--type=merge", "-p", grant]).unwrap();
    let unknown = "GrantsResolved=False NotFound: `spec.grants.reach.sharedServices` names what is not there: `ns-status-nothing`";
    says([in_force, unknown]);
    let release = held_up(&admin, "legacy-ns-status", "ns-status");
    let waiting = "Ready=False NamespacesNotReady: the baseline does not stand yet in: `legacy-ns-status` \
                   (rolebindings.rbac.authorization.k8s.io \"tenant-owners\" is forbidden: exceeded quota: none";
    until(|| conditions(&admin)[0].starts_with(waiting).then_some(()));
    release();
    says([in_force, unknown]);
    let columns = admin.ok(&["get", "tenants", "ns-status"]).unwrap();
    assert_eq!(
        columns.split_whitespace().take(8).collect::<Vec<_>>()[..4],
        ["NAME", "READY", "NAMESPACES", "ENFORCEMENT"]
    );
    assert!(columns.lines().nth(1).unwrap().starts_with("ns-status   True    1"), "{columns}");

    // A user whom nothing but the tenant gives any right.
    drop(member);
    let owners = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "ns-status" },
        "spec": { "owners": [{ "kind": "User", "name": "ns-status-plain" }] },
    });
    admin.apply(&owners.to_string()).unwrap();
    let plain = it.cluster.user("ns-status-plain", &[]).unwrap();
    until(|| (!conditions(&plain).is_empty()).then_some(()));
    tenant(&it, "ns-statusquo");
    for elsewhere in [&["get", "tenant", "ns-statusquo"][..], &["get", "tenants"]] {
        let said = plain.run(elsewhere).unwrap();
        assert!(!said.success, "{said:?}");
    }
    assert!(!plain.run(&["annotate", "tenant", "ns-status", "a=b"]).unwrap().success);
}

/// What would leave its identity to anybody, and what no policy could be made of.
#[test]
fn a_shared_service_that_is_not_kept_says_so() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let is_told = |namespace: &str, reason: &str| {
        let service = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": "ns-status-service" },
            "spec": { "namespace": namespace, "selector": { "app": "a" }, "ports": [{ "port": 8080 }] },
        });
        admin.apply(&service.to_string()).unwrap();
        until(|| {
            let path =
                "jsonpath={.metadata.generation} {.status.observedGeneration} {.status.conditions[0].reason}";
            let shown = admin.ok(&["get", "sharedservice", "ns-status-service", "-o", path]).unwrap();
            let words: Vec<&str> = shown.split(' ').collect();
            (words[0] == words[1] && words[2] == reason).then_some(())
        });
    };
    for namespace in ["monitoring", "ns-status-elsewhere"] {
        admin.apply(&labelled(namespace, &json!({}))).unwrap();
    }
    is_told("ns-status-elsewhere", "NamespaceNotListed");
    is_told("monitoring", "InForce");
    let policies = |namespace| admin.ok(&["get", "networkpolicies", "-n", namespace, "-o", "name"]).unwrap();
    until(|| policies("monitoring").contains("bulkhead-ns-status-service").then_some(()));
    assert_eq!(policies("ns-status-elsewhere"), "", "what is not kept is not written");
    for spec in [
        json!({ "namespace": "monitoring", "selector": {}, "ports": [{ "port": 1 }] }),
        json!({ "namespace": "monitoring", "selector": { "app": "a" }, "ports": [] }),
        json!({ "namespace": "monitoring", "selector": { "app": "a" }, "ports": [{ "port": 0 }] }),
        json!({ "namespace": "monitoring", "selector": { "app": "not a value" }, "ports": [{ "port": 1 }] }),
    ] {
        let service = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": "ns-status-wrong" }, "spec": spec,
        });
        let said = admin.feed(&["create", "-f", "-"], &service.to_string()).unwrap();
        assert!(said.stderr.contains("is invalid: spec."), "{said:?}");
    }
}

fn reason(admin: &Kubectl, tenant: &str) -> String {
    let path = "jsonpath={.status.conditions[0].reason}";
    admin.run(&["get", "tenant", tenant, "-o", path]).unwrap().stdout
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
    until(|| (reason(&admin, "tn-twin-eu") == "NameOverlaps").then_some(()));
    // What could be either's is the older one's.
    let bob = it.cluster.powerful("tn-twin-eu-bob", "tn-twin-strangers").unwrap();
    let said = bob.run(&["create", "namespace", "tenant-tn-twin-eu"]).unwrap();
    assert!(said.stderr.contains("BH104"), "{said:?}");
    older.ok(&["create", "namespace", "tenant-tn-twin-eu"]).unwrap();
    let path = "jsonpath={.metadata.labels.bulkhead\\.dev/tenant}";
    assert_eq!(older.ok(&["get", "namespace", "tenant-tn-twin-eu", "-o", path]).unwrap(), "tn-twin");
    // It counts once it is alone.
    admin.ok(&["delete", "namespace", "tenant-tn-twin-eu", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "tn-twin"]).unwrap().success.then_some(()));
    until(|| (reason(&admin, "tn-twin-eu") == "InForce").then_some(()));
}

/// An object that fits the schema and no program: it says so, and the others go on.
#[test]
fn a_tenant_that_cannot_be_read_stops_no_other() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    tenant(&it, "tn-vast");
    let vast = r#"{"spec":{"namespaces":{"limit":5000000000}}}"#;
    admin.ok(&["patch", "tenant", "tn-vast", "--type=merge", "-p", vast]).unwrap();
    until(|| (reason(&admin, "tn-vast") == "Unreadable").then_some(()));
    let member = tenant(&it, "tn-beside");
    namespace(&member, "tn-beside");
    // Its last good value stays in force.
    let owner = it.cluster.user("tn-vast-alice", &["tn-vast-developers"]).unwrap();
    owner.ok(&["create", "namespace", "tenant-tn-vast"]).unwrap();
    is_ready(&admin, "tenant-tn-vast");
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

fn retired(admin: &Kubectl) -> String {
    admin
        .run(&["get", "configmap", "bulkhead-retired", "-n", "bulkhead-system", "-o", "json"])
        .unwrap()
        .stdout
}

/// A certificate outlives what bore the name in it.
#[test]
fn a_name_that_was_a_tenants_is_not_anothers_next() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let another = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "tn-gone" }, "spec": {},
    });
    tenant(&it, "tn-gone");
    tenant(&it, "tn-heir");
    let labelled_for = |tenant: &str| labelled("tn-legacy", &json!({ "bulkhead.dev/tenant": tenant }));
    admin.apply(&labelled_for("tn-gone")).unwrap();
    is_ready(&admin, "tn-legacy");
    let path = "jsonpath={.metadata.uid}";
    let uid = admin.ok(&["get", "namespace", "tn-legacy", "-o", path]).unwrap();
    let noted = format!(r#""namespace.tn-legacy": "tn-gone {uid}"#);
    until(|| retired(&admin).contains(&format!("{noted}\"")).then_some(()));
    admin.ok(&["delete", "namespace", "tn-legacy", "--timeout=60s"]).unwrap();
    until(|| retired(&admin).contains(&format!("{noted} 20")).then_some(()));

    let said = admin.feed(&["create", "-f", "-"], &labelled_for("tn-heir")).unwrap();
    assert!(
        said.stderr.contains(
            "BH110 metadata.name: it was a namespace of tenant `tn-gone`, and a certificate in that name may still live; \
             choose another name; if it is the same party, remove `namespace.tn-legacy` from the ConfigMap bulkhead-retired"
        ),
        "{said:?}"
    );
    let unlabelled = admin.feed(&["create", "-f", "-"], &labelled("tn-legacy", &json!({}))).unwrap();
    assert!(unlabelled.success, "{unlabelled:?}");
    let label = ["label", "namespace", "tn-legacy", "bulkhead.dev/tenant=tn-heir"];
    let said = admin.run(&label).unwrap();
    assert!(said.stderr.contains("BH110"), "{said:?}");
    admin.ok(&["delete", "namespace", "tn-legacy", "--timeout=60s"]).unwrap();
    // Its own tenant may have it again.
    admin.feed(&["create", "--dry-run=server", "-f", "-"], &labelled_for("tn-gone")).unwrap();

    // However it is deleted: Argo CD waits for what it owns. The garbage collector of a young cluster looks for new kinds
    // every half a minute.
    within(Duration::from_secs(90), || {
        admin
            .run(&["delete", "tenant", "tn-gone", "--cascade=foreground", "--timeout=30s"])
            .unwrap()
            .success
            .then_some(())
    });
    until(|| retired(&admin).contains(r#""tenant.tn-gone": "tn-gone 20"#).then_some(()));
    let said = admin.feed(&["create", "-f", "-"], &another.to_string()).unwrap();
    assert!(said.stderr.contains("BH110 metadata.name: a tenant `tn-gone` was called so"), "{said:?}");
    let longer = another.to_string().replace("tn-gone", "tn-gone-eu");
    let said = admin.feed(&["create", "-f", "-"], &longer).unwrap();
    assert!(said.stderr.contains("BH110 metadata.name: a tenant `tn-gone` was called so"), "{said:?}");
    let said = admin
        .feed(
            &["create", "-f", "-"],
            &labelled("tenant-tn-gone-a", &json!({ "bulkhead.dev/tenant": "tn-heir" })),
        )
        .unwrap();
    assert!(said.stderr.contains("BH110 metadata.name: it was a namespace of tenant `tn-gone`"), "{said:?}");
    // A tenant that never had a namespace leaves nothing.
    tenant(&it, "tn-idle");
    until(|| admin.run(&["delete", "tenant", "tn-idle"]).unwrap().success.then_some(()));
    assert!(!retired(&admin).contains("tn-idle"));

    // The platform knows better, and says so.
    let forget = r#"[{"op":"remove","path":"/data/tenant.tn-gone"}]"#;
    admin
        .ok(&["patch", "configmap", "bulkhead-retired", "-n", "bulkhead-system", "--type=json", "-p", forget])
        .unwrap();
    until(|| admin.feed(&["create", "-f", "-"], &another.to_string()).unwrap().success.then_some(()));
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
    until(|| (pods().lines().count() == 1).then_some(()));
    let policies =
        || member.ok(&["get", "networkpolicies", "-n", &name, "-o", "name"]).unwrap().lines().count();

    // The API server itself deletes what is of a kind that goes, and asks nobody.
    admin.ok(&["delete", "crd", "tenants.bulkhead.dev", "--timeout=60s"]).unwrap();

    // Nobody's any more: the walls stand, what ran is replaced, and nobody acts for the tenant.
    until(|| {
        let said = member
            .run(&["create", "namespace", "tenant-crd-more", "--dry-run=server", "-o", "json"])
            .unwrap();
        (!said.stdout.contains("bulkhead.dev/tenant")).then_some(())
    });
    let said = admin.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
    assert!(said.stderr.contains("BH201"), "{said:?}");
    let before = pods();
    member.ok(&["delete", "pods", "--all", "-n", &name, "--now"]).unwrap();
    until(|| (pods().lines().count() == 1 && pods() != before).then_some(()));
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
        (shown == "1InForce").then_some(())
    });
    member.ok(&["label", "namespace", &name, "team=payments"]).unwrap();
    assert_eq!(policies(), 5);

    // A kind that the cluster does not serve keeps nobody from looking at the others.
    admin.ok(&["delete", "crd", "trafficextensions.extensions.istio.io", "--timeout=60s"]).unwrap();
    let found = bulkhead(&admin, &["audit", "--tenant", "crd"]);
    assert_eq!(found.0, 0, "{found:?}");
}
