//! The commands of docs/backup.md: a backup of one cluster, restored in another.

use bulkhead_harness::cluster::folder;
use bulkhead_harness::program::Installation;
use serde_json::json;
use support::BINARY;
use support::cluster::{jsonpath, new_namespace, new_tenant, new_tenant_in, wait_until_ready};
use support::conditions::reason;
use support::documents::example;
use support::objects::{labelled_namespace, shared_service, tenant};
use support::refusal::{expect_admitted, expect_refused};
use support::shell::Shell;
use support::wait::until;

const IMAGE: &str = "registry.example.com/import@sha256:\
                     0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn start() -> Installation {
    Installation::start(&BINARY, |_| ()).unwrap()
}

#[test]
fn restored_cluster_has_the_tenants_and_the_reserved_names() {
    let files = folder("backup").unwrap();
    let run = |it: &Installation, title: &str| {
        let commands = example("docs/backup.md", title);
        Shell::of(&it.cluster.admin().unwrap()).run(&files, &commands).unwrap();
    };

    let old = start();
    let admin = old.cluster.admin().unwrap();
    let service = json!({ "namespace": "logs", "selector": { "app": "logs" }, "ports": [{ "port": 8080 }] });
    admin.apply(&shared_service("logs", &service).to_string()).unwrap();
    let member = new_tenant(&old, "kept");
    new_namespace(&member, "kept");
    let reach = json!({ "spec": { "grants": { "reach": { "sharedServices": ["logs"] } } } }).to_string();
    admin.ok(&["patch", "tenant", "kept", "--type=merge", "-p", &reach]).unwrap();
    let spec = jsonpath(&admin, &["tenant", "kept"], "{.spec}");
    let legacy = |owner: &str| labelled_namespace("legacy", &json!({ "bulkhead.dev/tenant": owner }));
    admin.apply(&legacy("kept").to_string()).unwrap();
    wait_until_ready(&admin, "legacy");
    let member = new_tenant(&old, "gone");
    new_namespace(&member, "gone");
    admin.ok(&["delete", "namespace", "tenant-gone", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "gone"]).unwrap().success);
    let reserved = ["get", "configmaps", "-n", "bulkhead-system", "-o", "yaml"];
    until(|| admin.ok(&reserved).unwrap().contains("tenant.gone: gone 20"));
    let exemption = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Exemption", "metadata": { "name": "import" },
        "spec": {
            "rules": ["BH316"], "reason": "until the next release", "expires": "2100-01-01T00:00:00Z",
            "target": {
                "namespace": "tenant-kept", "kind": "Job", "name": "import", "serviceAccount": "import", "images": [IMAGE],
            },
        },
    });
    admin.apply(&exemption.to_string()).unwrap();
    run(&old, "Back up");
    drop(old);

    let new = start();
    run(&new, "Restore");
    let admin = new.cluster.admin().unwrap();
    assert_eq!(jsonpath(&admin, &["tenant", "kept"], "{.spec}"), spec);
    assert_eq!(jsonpath(&admin, &["sharedservice", "logs"], "{.spec.namespace}"), "logs");
    let create = ["create", "-f", "-"];
    let said = admin.feed(&create, &tenant("gone", &json!({})).to_string()).unwrap();
    expect_refused(&said, &[("BH110", "metadata.name")]);
    new_tenant_in(&new.cluster, "another");
    let said = admin.feed(&create, &legacy("another").to_string()).unwrap();
    expect_refused(&said, &[("BH110", "metadata.name")]);
    for namespace in [legacy("kept"), labelled_namespace("tenant-kept", &json!({}))] {
        expect_admitted(&admin.feed(&create, &namespace.to_string()).unwrap());
    }
    wait_until_ready(&admin, "legacy");
    wait_until_ready(&admin, "tenant-kept");
    until(|| reason(&admin, "exemption", "import") == "Ready");
}
