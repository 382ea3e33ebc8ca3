//! Names of deleted tenants and namespaces, which stay reserved.

use std::time::Duration;

use bulkhead_harness::kubectl::{Kubectl, Said};
use bulkhead_harness::program::Installation;
use serde_json::json;
use support::cluster::{jsonpath, new_tenant, shared, wait_until_ready};
use support::conditions::{condition, reason};
use support::objects::{self, labelled_namespace};
use support::refusal::{expect_refused, refused};
use support::wait::{until, within};

/// The ConfigMaps of Bulkhead's namespace, as JSON.
fn reserved(admin: &Kubectl) -> String {
    admin.run(&["get", "configmaps", "-n", "bulkhead-system", "-o", "json"]).unwrap().stdout
}

/// The write is refused because of this key of the ConfigMap.
#[track_caller]
fn refused_by_key(said: &Said, key: &str) {
    expect_refused(said, &[("BH110", "metadata.name")]);
    assert!(said.stderr.contains(&format!("`{key}`")), "{key}: {said:?}");
}

/// A mesh certificate identifies a workload by its names, and outlives them.
#[test]
fn name_of_a_deleted_tenant_or_namespace_is_refused_to_others() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let another = objects::tenant("tn-gone", &json!({}));
    new_tenant(&it, "tn-gone");
    new_tenant(&it, "tn-heir");
    let labelled = |name: &str, tenant: &str| {
        labelled_namespace(name, &json!({ "bulkhead.dev/tenant": tenant })).to_string()
    };
    let labelled_for = |tenant: &str| labelled("tn-legacy", tenant);
    admin.apply(&labelled_for("tn-gone")).unwrap();
    wait_until_ready(&admin, "tn-legacy");
    let uid = jsonpath(&admin, &["namespace", "tn-legacy"], "{.metadata.uid}");
    let noted = format!(r#""namespace.tn-legacy": "tn-gone {uid}"#);
    until(|| reserved(&admin).contains(&format!("{noted}\"")));
    admin.ok(&["delete", "namespace", "tn-legacy", "--timeout=60s"]).unwrap();
    until(|| reserved(&admin).contains(&format!("{noted} 20")));

    let said = admin.feed(&["create", "-f", "-"], &labelled_for("tn-heir")).unwrap();
    refused_by_key(&said, "namespace.tn-legacy");
    admin.ok(&["create", "namespace", "tn-legacy"]).unwrap();
    let label = ["label", "namespace", "tn-legacy", "bulkhead.dev/tenant=tn-heir"];
    refused_by_key(&admin.run(&label).unwrap(), "namespace.tn-legacy");
    admin.ok(&["delete", "namespace", "tn-legacy", "--timeout=60s"]).unwrap();
    // The tenant may use its own name again.
    admin.feed(&["create", "--dry-run=server", "-f", "-"], &labelled_for("tn-gone")).unwrap();

    // Argo CD deletes in the foreground. The garbage collector of a new cluster looks for new kinds every half a minute.
    within(Duration::from_secs(90), || {
        admin.run(&["delete", "tenant", "tn-gone", "--cascade=foreground", "--timeout=30s"]).unwrap().success
    });
    until(|| reserved(&admin).contains(r#""tenant.tn-gone": "tn-gone 20"#));
    let longer = another.to_string().replace("tn-gone", "tn-gone-eu");
    let namespace = labelled("tenant-tn-gone-a", "tn-heir");
    for object in [&another.to_string(), &longer, &namespace] {
        let said = admin.feed(&["create", "-f", "-"], object).unwrap();
        refused_by_key(&said, "tenant.tn-gone");
    }
    // The name of a tenant that never had a namespace is not reserved.
    new_tenant(&it, "tn-idle");
    until(|| admin.run(&["delete", "tenant", "tn-idle"]).unwrap().success);
    assert!(!reserved(&admin).contains("tn-idle"));

    // The platform can release a name, in the ConfigMap that the refusal names.
    let said = admin.feed(&["create", "-f", "-"], &another.to_string()).unwrap();
    let (_, map) = said.stderr.split_once("from the ConfigMap `").unwrap();
    let map = map.split('`').next().unwrap().to_owned();
    let forget = r#"[{"op":"remove","path":"/data/tenant.tn-gone"}]"#;
    admin.ok(&["patch", "configmap", &map, "-n", "bulkhead-system", "--type=json", "-p", forget]).unwrap();
    until(|| admin.feed(&["create", "-f", "-"], &another.to_string()).unwrap().success);
}

/// kubectl as two users who act for no tenant: one who may create namespaces and nothing else, and one who may do
/// everything.
fn strangers(it: &Installation, name: &str) -> [Kubectl; 2] {
    let admin = it.cluster.admin().unwrap();
    let plain = format!("{name}-mallory");
    let role = format!("--clusterrole={name}");
    admin.ok(&["create", "clusterrole", name, "--verb=create,get,patch", "--resource=namespaces"]).unwrap();
    admin.ok(&["create", "clusterrolebinding", name, &role, &format!("--user={plain}")]).unwrap();
    let outsiders = format!("{name}-outsiders");
    [
        it.cluster.user(&plain, &[&outsiders]).unwrap(),
        it.cluster.powerful(&format!("{name}-argo"), "strangers").unwrap(),
    ]
}

/// A mesh certificate of the name would be valid after the tenant exists.
#[test]
fn name_of_a_tenant_that_does_not_exist_yet_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let labelled = labelled_namespace("tenant-rn-later", &json!({ "team": "payments" })).to_string();
    let generated = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": "tenant-rn-later-" } });
    let name = [("BH104", "metadata.name")];
    for stranger in strangers(&it, "rn-later") {
        refused(&stranger, &["create", "namespace", "tenant-rn-later"], "", &name);
        refused(&stranger, &["create", "namespace", "tenant-rn-later-a"], "", &name);
        refused(&stranger, &["apply", "--server-side", "-f", "-"], &labelled, &name);
        refused(&stranger, &["create", "-f", "-"], &generated.to_string(), &name);
        stranger.ok(&["create", "namespace", "tenants", "--dry-run=server"]).unwrap();
        stranger.ok(&["create", "namespace", "rn-tenant-later", "--dry-run=server"]).unwrap();
    }
    // A member of another tenant is refused too.
    let member = new_tenant(&it, "rn-member");
    refused(&member, &["create", "namespace", "tenant-rn-later"], "", &name);

    // A namespace that exists is in the way of its tenant until the platform deletes or adopts it.
    admin.ok(&["create", "namespace", "tenant-rn-later"]).unwrap();
    admin.ok(&["create", "namespace", "tenant-rn-later-a"]).unwrap();
    admin.apply(&objects::tenant("rn-later", &json!({})).to_string()).unwrap();
    until(|| {
        let ready = condition(&admin, "tenant", "rn-later", "Ready");
        ready.is("Ready=False", "NamespaceNameTaken")
            && ready.names(&["`tenant-rn-later`", "`tenant-rn-later-a`"])
    });
    admin.ok(&["delete", "namespace", "tenant-rn-later", "--timeout=60s"]).unwrap();
    admin.ok(&["label", "namespace", "tenant-rn-later-a", "bulkhead.dev/tenant=rn-later"]).unwrap();
    until(|| reason(&admin, "tenant", "rn-later") == "Ready");
}

#[test]
fn namespace_of_a_granted_caller_is_reserved_before_it_exists() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let grants = json!({ "callers": [{ "namespace": "rn-caller-ops", "serviceAccount": "scraper" }] });
    admin.apply(&objects::tenant("rn-caller", &json!({ "grants": grants })).to_string()).unwrap();
    let service =
        json!({ "namespace": "rn-caller-shared", "selector": { "app": "a" }, "ports": [{ "port": 80 }] });
    admin.apply(&objects::shared_service("rn-caller", &service).to_string()).unwrap();
    until(|| {
        let grants = condition(&admin, "tenant", "rn-caller", "GrantsResolved");
        grants.is("GrantsResolved=False", "NotFound") && grants.names(&["`rn-caller-ops`"])
    });
    for stranger in strangers(&it, "rn-caller") {
        for namespace in ["rn-caller-ops", "rn-caller-shared", "istio-ingress"] {
            refused(&stranger, &["create", "namespace", namespace], "", &[("BH104", "metadata.name")]);
        }
        stranger.ok(&["create", "namespace", "rn-caller-operations", "--dry-run=server"]).unwrap();
    }
    admin.ok(&["create", "namespace", "rn-caller-ops"]).unwrap();
    until(|| {
        condition(&admin, "tenant", "rn-caller", "GrantsResolved").is("GrantsResolved=True", "Resolved")
    });
    // Other changes of the namespace are not the platform's alone.
    let powerful = it.cluster.powerful("rn-caller-argo", "strangers").unwrap();
    powerful.ok(&["label", "namespace", "rn-caller-ops", "team=payments"]).unwrap();
}
