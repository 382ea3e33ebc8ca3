//! Names that were a tenant's.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::json;

use crate::cluster::{is_ready, shared, tenant, until, within};
use crate::namespaces::labelled;

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
    until(|| retired(&admin).contains(&format!("{noted}\"")));
    admin.ok(&["delete", "namespace", "tn-legacy", "--timeout=60s"]).unwrap();
    until(|| retired(&admin).contains(&format!("{noted} 20")));

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
        admin.run(&["delete", "tenant", "tn-gone", "--cascade=foreground", "--timeout=30s"]).unwrap().success
    });
    until(|| retired(&admin).contains(r#""tenant.tn-gone": "tn-gone 20"#));
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
    until(|| admin.run(&["delete", "tenant", "tn-idle"]).unwrap().success);
    assert!(!retired(&admin).contains("tn-idle"));

    // The platform knows better, and says so.
    let forget = r#"[{"op":"remove","path":"/data/tenant.tn-gone"}]"#;
    admin
        .ok(&["patch", "configmap", "bulkhead-retired", "-n", "bulkhead-system", "--type=json", "-p", forget])
        .unwrap();
    until(|| admin.feed(&["create", "-f", "-"], &another.to_string()).unwrap().success);
}
