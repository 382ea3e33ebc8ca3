//! Names of deleted tenants and namespaces, which stay reserved.

use std::time::Duration;

use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::json;
use support::cluster::{jsonpath, new_tenant, shared, wait_until_ready};
use support::objects::{self, labelled_namespace};
use support::refusal::expect_refused;
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
