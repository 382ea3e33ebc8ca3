//! The controller: repair of drift, conflicts, leader election, restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server, controller};
use bulkhead_harness::wire::Caller;
use serde_json::{Value, json};
use support::cluster::{
    alone, controller_metrics, jsonpath, managed_objects, new_namespace, new_tenant, shared,
    wait_for_default_account, wait_until_ready,
};
use support::conditions::condition;
use support::metrics::{metrics, value};
use support::objects::{object, pod};
use support::refusal::refused;
use support::wait::until;
use support::{BINARY, SETTINGS};

/// The controller's name with every right, so that only the webhook can refuse it.
const CONTROLLER: [&str; 2] =
    ["--as=system:serviceaccount:bulkhead-system:bulkhead-controller", "--as-group=system:masters"];

#[test]
fn drifted_objects_are_repaired_and_others_are_not_written() {
    let it = shared();
    let member = new_tenant(&it, "base-drift");
    let name = new_namespace(&member, "base-drift");
    let admin = it.cluster.admin().unwrap();
    let versions = || -> BTreeMap<String, Value> {
        managed_objects(&admin, &name)
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
        let now = managed_objects(&admin, &name);
        now.len() == 9 && now["PeerAuthentication/default"]["spec"]["mtls"]["mode"] == "STRICT"
    });
    // A change that concerns only another tenant.
    new_namespace(&new_tenant(&it, "base-elsewhere"), "base-elsewhere");
    let mut after = versions();
    for repaired in ["NetworkPolicy/default-deny-all", "PeerAuthentication/default"] {
        assert_ne!(after.remove(repaired).as_ref(), before.get(repaired));
    }
    for (key, version) in after {
        assert_eq!(before.get(&key), Some(&version), "{key} was written without a reason");
    }
}

/// An object that is older than the baseline is not overwritten: the Tenant's status names it, and its owner deletes it.
#[test]
fn existing_object_is_kept_and_reported_as_a_conflict() {
    let it = shared();
    let member = new_tenant(&it, "keep-conflict");
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-keep-conflict";
    admin.ok(&["create", "namespace", name]).unwrap();
    let open = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}] });
    let before = object("networking.k8s.io/v1", "NetworkPolicy", name, "default-deny-all", &open);
    admin.apply(&before.to_string()).unwrap();
    admin.ok(&["label", "namespace", name, "bulkhead.dev/tenant=keep-conflict"]).unwrap();
    let ready = || condition(&admin, "tenant", "keep-conflict", "Ready");
    let conflict = ["`legacy-keep-conflict`", "NetworkPolicy default-deny-all", "spec.ingress"];
    until(|| ready().is("Ready=False", "NamespacesNotReady") && ready().names(&conflict));
    assert_eq!(
        jsonpath(&admin, &["networkpolicy", "default-deny-all", "-n", name], "{.spec.ingress}"),
        "[{}]"
    );
    // Another namespace of the tenant becomes ready all the same.
    member.ok(&["create", "namespace", "tenant-keep-conflict"]).unwrap();
    wait_until_ready(&member, "tenant-keep-conflict");
    member.ok(&["delete", "networkpolicy", "default-deny-all", "-n", name]).unwrap();
    until(|| ready().is("Ready=True", "Ready"));
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", name];
    refused(&member, &delete, "", &[("BH201", "metadata.name")]);
}

/// A repair is counted by kind, and is an event on the namespace.
#[test]
fn repair_is_counted_and_recorded_as_an_event() {
    let it = shared();
    let member = new_tenant(&it, "keep-told");
    let name = new_namespace(&member, "keep-told");
    let admin = it.cluster.admin().unwrap();
    let delete = ["delete", "limitrange", "tenant-limits", "-n", &name];
    admin.ok(&[&delete[..], &CONTROLLER].concat()).unwrap();
    until(|| {
        let selector = format!("--field-selector=involvedObject.name={name},reason=BaselineRepaired");
        let message = jsonpath(&admin, &["events", "-n", "default", &selector], "{.items[*].message}");
        message.contains("LimitRange tenant-limits")
    });
    let metrics = controller_metrics(&it.controller);
    let series = "bulkhead_baseline_repairs_total{kind=\"LimitRange\"}";
    assert_eq!(value(&metrics, series), 1, "{metrics}");
}

/// Bulkhead manages one field of the default account, and leaves the others to the tenant.
#[test]
fn default_account_gets_no_token_and_keeps_its_other_fields() {
    let it = shared();
    let member = new_tenant(&it, "keep-account");
    let name = new_namespace(&member, "keep-account");
    let mounts = || {
        let path = "jsonpath={.automountServiceAccountToken}";
        member.run(&["get", "serviceaccount", "default", "-n", &name, "-o", path]).unwrap().stdout
    };
    until(|| mounts() == "false");
    let patch = ["patch", "serviceaccount", "default", "-n", &name, "--type=merge", "-p"];
    member.ok(&[&patch[..], &[r#"{"imagePullSecrets":[{"name":"mine"}]}"#]].concat()).unwrap();
    let mount = r#"{"automountServiceAccountToken":true}"#;
    let patched = [&patch[..], &[mount]].concat();
    refused(&member, &patched, "", &[("BH202", "automountServiceAccountToken")]);
    let delete = ["delete", "serviceaccount", "default", "-n", &name];
    refused(&member, &delete, "", &[("BH201", "metadata.name")]);
    let admin = it.cluster.admin().unwrap();
    admin.ok(&[&patch[..], &[mount], &CONTROLLER].concat()).unwrap();
    until(|| mounts() == "false");
    let secrets = "jsonpath={.imagePullSecrets[*].name}";
    assert_eq!(member.ok(&["get", "serviceaccount", "default", "-n", &name, "-o", secrets]).unwrap(), "mine");
}

/// After many changes that do not concern the baseline, the audit log has no write of the controller.
#[test]
fn controller_writes_nothing_while_the_baseline_is_in_sync() {
    let it = alone();
    let member = new_tenant(&it, "base-rest");
    let name = new_namespace(&member, "base-rest");
    let admin = it.cluster.admin().unwrap();
    // Dry runs write nothing: with them the controller asks the injector for its proxy.
    let is_write = |event: &Value| !event["requestURI"].as_str().unwrap().ends_with("?dryRun=All");
    let written = || -> Vec<Value> {
        let requests = it.cluster.audited("system:serviceaccount:bulkhead-system:").unwrap();
        requests.into_iter().filter(is_write).collect()
    };
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

/// One process may run both parts. It leads as soon as the other controller releases the lease.
#[test]
fn process_with_both_parts_takes_over_the_lease() {
    let mut it = alone();
    let member = new_tenant(&it, "base-both");
    let account = it.cluster.service_account(NAMESPACE, "bulkhead-controller").unwrap();
    let arguments = ["--settings", SETTINGS, "--development-certificate", SERVER_NAME, "--shutdown-delay=0"];
    let folder = it.cluster.folder.clone();
    let mut both = Server::start(&BINARY, "both", &folder, &arguments, Some(&account.kubeconfig)).unwrap();
    both.wait_until_ready().unwrap();
    it.controller.terminate().unwrap();
    assert!(it.controller.wait(Duration::from_secs(10)).unwrap().success());
    // Only the leader reports a state of the registration.
    until(|| metrics(both.admin).contains("bulkhead_webhook_registration{"));
    new_namespace(&member, "base-both");
    let caller = Caller::new(both.webhook, SERVER_NAME, &both.process.stdout()).unwrap();
    assert_eq!(caller.post("/validate/workloads", b"{").unwrap().status, 400);

    both.process.terminate().unwrap();
    assert!(both.process.wait(Duration::from_secs(10)).unwrap().success());
    it.controller = controller(&it.cluster, &BINARY).unwrap();
    member.ok(&["create", "namespace", "tenant-base-both-next"]).unwrap();
    wait_until_ready(&member, "tenant-base-both-next");
}

/// After a restart of the API server the watches, the lease and the webhook work again.
#[test]
fn webhook_and_controller_survive_a_restart_of_the_api_server() {
    let mut it = alone();
    let member = new_tenant(&it, "base-restart");
    it.cluster.restart_api_server().unwrap();
    let name = until(|| {
        let said = member.run(&["create", "namespace", "tenant-base-restart"]).unwrap();
        said.success.then(|| "tenant-base-restart".to_owned())
    });
    wait_until_ready(&member, &name);
    wait_for_default_account(&member, &name);
    member.feed(&["create", "-f", "-"], &pod(&name).to_string()).unwrap();
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &name];
    refused(&member, &delete, "", &[("BH201", "metadata.name")]);
    it.cluster.admin().unwrap().ok(&[&delete[..], &CONTROLLER].concat()).unwrap();
    until(|| managed_objects(&member, &name).len() == 9);
}
