//! What the controller does by itself, and that it goes on doing it.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server, controller};
use bulkhead_harness::wire::{self, Caller};
use serde_json::{Value, json};

use crate::baseline::{kept, refused};
use crate::cluster::{BINARY, alone, can_hold_pods, is_ready, namespace, pod, shared, tenant, until};

/// The controller's name with every right: what it may do by admission, not by RBAC.
const CONTROLLER: [&str; 2] =
    ["--as=system:serviceaccount:bulkhead-system:bulkhead-controller", "--as-group=system:masters"];

/// Drift that came while nobody looked is repaired; what stands is left alone.
#[test]
fn drift_is_repaired_and_rest_is_rest() {
    let it = shared();
    let member = tenant(&it, "base-drift");
    let name = namespace(&member, "base-drift");
    let admin = it.cluster.admin().unwrap();
    let versions = || -> BTreeMap<String, Value> {
        kept(&admin, &name)
            .into_iter()
            .map(|(key, object)| (key, object["metadata"]["resourceVersion"].clone()))
            .collect()
    };
    let before = versions();
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &name];
    admin.ok(&[&delete[..], &CONTROLLER].concat()).unwrap();
    let mtls = "peerauthentications.security.istio.io";
    let open = r#"{"spec":{"mtls":{"mode":"DISABLE"}}}"#;
    admin
        .ok(&[&["patch", mtls, "default", "-n", &name, "--type", "merge", "-p", open], &CONTROLLER[..]]
            .concat())
        .unwrap();
    until(|| {
        let now = kept(&admin, &name);
        now.len() == 9 && now["PeerAuthentication/default"]["spec"]["mtls"]["mode"] == "STRICT"
    });
    // News that concerns others: the namespaces of another tenant.
    namespace(&tenant(&it, "base-elsewhere"), "base-elsewhere");
    let mut after = versions();
    for repaired in ["NetworkPolicy/default-deny-all", "PeerAuthentication/default"] {
        assert_ne!(after.remove(repaired).as_ref(), before.get(repaired));
    }
    for (key, version) in after {
        assert_eq!(before.get(&key), Some(&version), "{key} was written without a reason");
    }
}

/// What was there before is somebody's: it is left, named on the Tenant, and his to delete.
#[test]
fn what_was_there_before_is_a_conflict() {
    let it = shared();
    let member = tenant(&it, "keep-conflict");
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-keep-conflict";
    admin.ok(&["create", "namespace", name]).unwrap();
    let before = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "default-deny-all", "namespace": name },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}] },
    });
    admin.apply(&before.to_string()).unwrap();
    admin.ok(&["label", "namespace", name, "bulkhead.dev/tenant=keep-conflict"]).unwrap();
    let message = || {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].message}";
        admin.ok(&["get", "tenant", "keep-conflict", "-o", path]).unwrap()
    };
    let says = "the baseline does not stand yet in: `legacy-keep-conflict` (NetworkPolicy default-deny-all was there \
                before and differs in spec.ingress: delete it, or make it what `bulkhead render` prints)";
    until(|| message() == says);
    let path = "jsonpath={.spec.ingress}";
    assert_eq!(
        admin.ok(&["get", "networkpolicy", "default-deny-all", "-n", name, "-o", path]).unwrap(),
        "[{}]"
    );
    // Another namespace of the tenant does not wait for it.
    member.ok(&["create", "namespace", "tenant-keep-conflict"]).unwrap();
    is_ready(&member, "tenant-keep-conflict");
    member.ok(&["delete", "networkpolicy", "default-deny-all", "-n", name]).unwrap();
    until(|| message() == "every namespace it has is ready");
    refused(&member, &["delete", "networkpolicy", "default-deny-all", "-n", name], "", "BH201");
}

/// Drift is counted by kind, and told where people look.
#[test]
fn drift_is_counted_and_told() {
    let it = shared();
    let member = tenant(&it, "keep-told");
    let name = namespace(&member, "keep-told");
    let admin = it.cluster.admin().unwrap();
    let delete = ["delete", "limitrange", "tenant-limits", "-n", &name];
    admin.ok(&[&delete[..], &CONTROLLER].concat()).unwrap();
    let note = "LimitRange tenant-limits was not what the baseline says, and was put back";
    until(|| {
        let selector = format!("--field-selector=involvedObject.name={name},reason=BaselineRepaired");
        let path = "jsonpath={.items[*].message}";
        let told = admin.ok(&["get", "events", "-n", "default", &selector, "-o", path]).unwrap();
        told.contains(note)
    });
    let log = it.controller.log();
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let listening = lines.find(|line| line["message"] == "listening").unwrap();
    let metrics = wire::get(listening["admin"].as_str().unwrap().parse().unwrap(), "/metrics").unwrap();
    assert!(
        metrics.body.contains("bulkhead_baseline_repairs_total{kind=\"LimitRange\"} 1"),
        "{}",
        metrics.body
    );
}

/// Of the default account only what the baseline says is Bulkhead's.
#[test]
fn the_default_account_has_no_token_and_is_shared() {
    let it = shared();
    let member = tenant(&it, "keep-account");
    let name = namespace(&member, "keep-account");
    let mounts = || {
        let path = "jsonpath={.automountServiceAccountToken}";
        member.run(&["get", "serviceaccount", "default", "-n", &name, "-o", path]).unwrap().stdout
    };
    until(|| mounts() == "false");
    let patch = ["patch", "serviceaccount", "default", "-n", &name, "--type=merge", "-p"];
    member.ok(&[&patch[..], &[r#"{"imagePullSecrets":[{"name":"mine"}]}"#]].concat()).unwrap();
    let mount = r#"{"automountServiceAccountToken":true}"#;
    refused(&member, &[&patch[..], &[mount]].concat(), "", "BH202 automountServiceAccountToken");
    refused(&member, &["delete", "serviceaccount", "default", "-n", &name], "", "BH201");
    let admin = it.cluster.admin().unwrap();
    admin.ok(&[&patch[..], &[mount], &CONTROLLER].concat()).unwrap();
    until(|| mounts() == "false");
    let secrets = "jsonpath={.imagePullSecrets[*].name}";
    assert_eq!(member.ok(&["get", "serviceaccount", "default", "-n", &name, "-o", secrets]).unwrap(), "mine");
}

/// News that changes nothing, by the hundred: in the audit log there is no write of ours.
#[test]
fn at_rest_the_controller_writes_nothing() {
    let it = alone();
    let member = tenant(&it, "base-rest");
    let name = namespace(&member, "base-rest");
    let admin = it.cluster.admin().unwrap();
    let written = || it.cluster.audited("system:serviceaccount:bulkhead-system:").unwrap();
    until(|| {
        let before = written().len();
        std::thread::sleep(std::time::Duration::from_secs(1));
        written().len() == before
    });
    let before = written();
    assert!(before.iter().any(|event| event["objectRef"]["namespace"] == name), "its writes are audited");
    for round in 0..30 {
        let note = format!("example.com/round={round}");
        admin.ok(&["annotate", "tenant", "base-rest", "--overwrite", &note]).unwrap();
        admin.ok(&["annotate", "namespace", &name, "--overwrite", &note]).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(written()[before.len()..], [] as [Value; 0]);
}

/// One process may be both, and the next leads as soon as the first lets go.
#[test]
fn webhook_and_controller_in_one_process() {
    let mut it = alone();
    let member = tenant(&it, "base-both");
    let account = it.cluster.service_account(NAMESPACE, "bulkhead-controller").unwrap();
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world/settings.yaml");
    let arguments = ["--settings", settings, "--development-certificate", SERVER_NAME, "--shutdown-delay=0"];
    let folder = it.cluster.folder.clone();
    let mut both =
        Server::start(BINARY.as_ref(), "both", &folder, &arguments, Some(&account.kubeconfig)).unwrap();
    both.wait_until_ready().unwrap();
    it.controller.terminate().unwrap();
    assert!(it.controller.wait(Duration::from_secs(10)).unwrap().success());
    until(|| both.process.log().contains("\"leading\""));
    namespace(&member, "base-both");
    let caller = Caller::new(both.webhook, SERVER_NAME, &both.process.stdout()).unwrap();
    assert_eq!(caller.post("/validate/workloads", b"{").unwrap().status, 400);

    both.process.terminate().unwrap();
    assert!(both.process.wait(Duration::from_secs(10)).unwrap().success());
    it.controller = controller(&it.cluster, BINARY.as_ref()).unwrap();
    member.ok(&["create", "namespace", "tenant-base-both-next"]).unwrap();
    is_ready(&member, "tenant-base-both-next");
}

/// The API server goes and comes back: so do the watches, the lease and the answers.
#[test]
fn the_api_server_may_restart() {
    let mut it = alone();
    let member = tenant(&it, "base-restart");
    it.cluster.restart_api_server().unwrap();
    let name = until(|| {
        let said = member.run(&["create", "namespace", "tenant-base-restart"]).unwrap();
        said.success.then(|| "tenant-base-restart".to_owned())
    });
    is_ready(&member, &name);
    can_hold_pods(&member, &name);
    member.feed(&["create", "-f", "-"], &pod(&name).to_string()).unwrap();
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &name];
    refused(&member, &delete, "", "BH201");
    it.cluster.admin().unwrap().ok(&[&delete[..], &CONTROLLER].concat()).unwrap();
    until(|| kept(&member, &name).len() == 9);
}
