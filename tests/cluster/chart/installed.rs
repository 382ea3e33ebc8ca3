use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bulkhead_harness::cluster::CALLERS_CA;
use bulkhead_harness::helm::Helm;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::program::{NAMESPACE, SERVER_NAME};
use serde_json::{Value, json};
use support::objects::{self, labelled_namespace};
use support::refusal::{expect_admitted, expect_refused, expect_warned};
use support::wait::{until, within};

use super::{
    TENANT_NAMESPACE, bad_deployment, chart, empty_cluster, expect_bad_deployment_refused, get,
    member_with_namespace, wait_until_enforced,
};

const RELEASE: &str = "bulkhead";
const CONFIGURATIONS: [&str; 2] = ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"];

/// Runs a command of helm, which must succeed, in the namespace of Bulkhead.
fn helm(admin: &Kubectl, command: &[&str]) {
    let usual = ["-n", NAMESPACE, "--wait", "--timeout=4m"];
    Helm::new(admin.clone()).ok(&[command, &usual].concat()).unwrap();
}

/// The namespace of Bulkhead, which enforces restricted pods as the chart's notes recommend.
fn create_namespace(admin: &Kubectl) {
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    admin.apply(&labelled_namespace(NAMESPACE, &labels).to_string()).unwrap();
}

/// Creates objects in dry runs, in the tenant's namespace and elsewhere, and calls `check`, until `work` returns. No
/// object is refused. Returns their number.
fn while_writes_go_on(admin: &Kubectl, check: impl Fn() + Sync, work: impl FnOnce()) -> usize {
    let manifest = objects::list([
        objects::deployment(TENANT_NAMESPACE, "good"),
        objects::deployment("default", "good"),
        labelled_namespace("other", &json!({})),
    ]);
    let manifest = manifest.to_string();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writes = scope.spawn(|| {
            let mut count = 0;
            while !is_done.load(Ordering::Relaxed) {
                let said = admin.feed(&["create", "--dry-run=server", "-f", "-"], &manifest).unwrap();
                assert!(said.success, "after {count} writes: {said:?}");
                check();
                count += 3;
            }
            count
        });
        work();
        is_done.store(true, Ordering::Relaxed);
        writes.join().unwrap()
    })
}

/// The rules that Kubernetes filled into the owners' ClusterRole.
fn owners_rules(admin: &Kubectl) -> String {
    get(admin, "clusterrole", "bulkhead-tenant", "").unwrap()["rules"].to_string()
}

#[test]
fn installed_chart_enforces_and_its_uninstallation_blocks_no_write() {
    let nodes = empty_cluster();
    let admin = nodes.cluster.admin().unwrap();
    create_namespace(&admin);
    helm(&admin, &["install", RELEASE, &chart()]);
    wait_until_enforced(&admin);
    let member = member_with_namespace(&nodes);
    expect_bad_deployment_refused(&member);
    let replicas =
        |name: &str| get(&admin, "deployment", name, NAMESPACE).unwrap()["status"]["readyReplicas"].clone();
    assert_eq!((replicas("bulkhead-webhook"), replicas("bulkhead-controller")), (json!(3), json!(2)));

    // The garbage collector does not help: the owner of the configurations cannot be deleted.
    let hold = |finalizers: Value| {
        let patch = json!({ "metadata": { "finalizers": finalizers } }).to_string();
        admin.ok(&["patch", "clusterrole", "bulkhead-controller", "--type=merge", "-p", &patch]).unwrap();
    };
    hold(json!(["example.com/held"]));
    let uninstall = ["uninstall", RELEASE, "-n", NAMESPACE, "--timeout=4m"];
    let helm_as_admin = Helm::new(admin.clone());
    let writes = while_writes_go_on(&admin, || {}, || drop(helm_as_admin.ok(&uninstall).unwrap()));
    assert!(writes > 10, "{writes}");
    for kind in CONFIGURATIONS {
        assert_eq!(get(&admin, kind, "tenant-bulkhead", ""), None);
    }
    expect_admitted(&member.feed(&["create", "-f", "-"], &bad_deployment().to_string()).unwrap());
    let pod = objects::pod(TENANT_NAMESPACE).to_string();
    until(|| member.feed(&["create", "--dry-run=server", "-f", "-"], &pod).unwrap().success);
    assert!(get(&admin, "tenant", "acme", "").is_some());
    assert!(get(&admin, "networkpolicy", "default-deny-all", TENANT_NAMESPACE).is_some());
    assert!(owners_rules(&admin).contains("deployments"));
    hold(Value::Null);
    let left = ["get", "pods,deployments,jobs,services", "-n", NAMESPACE, "-o", "name"];
    within(Duration::from_mins(1), || admin.ok(&left).unwrap().is_empty());
    within(Duration::from_mins(1), || get(&admin, "namespace", "bulkhead-probe", "").is_none());

    // Installed again, it takes over the kinds and the tenants that it left.
    helm(&admin, &["install", RELEASE, &chart()]);
    wait_until_enforced(&admin);
    admin.ok(&["delete", "deployment", "bad", "-n", TENANT_NAMESPACE]).unwrap();
    expect_bad_deployment_refused(&member);

    // Without the hook, as when the image cannot be pulled any more, the garbage collector deletes the configurations.
    helm(&admin, &["uninstall", RELEASE, "--no-hooks"]);
    within(Duration::from_mins(1), || {
        CONFIGURATIONS.iter().all(|kind| get(&admin, kind, "tenant-bulkhead", "").is_none())
    });
}

#[test]
fn upgrades_and_rollbacks_judge_every_write() {
    let nodes = empty_cluster();
    let admin = nodes.cluster.admin().unwrap();
    create_namespace(&admin);
    let chart = chart();
    helm(&admin, &["install", RELEASE, &chart]);
    wait_until_enforced(&admin);
    let member = member_with_namespace(&nodes);
    let create = || {
        let bad = bad_deployment().to_string();
        member.feed(&["create", "--dry-run=server", "-f", "-"], &bad).unwrap()
    };
    let violation = ("BH301", "spec.template.spec.hostNetwork");
    let is_registered = |uid: &Value| {
        let now = get(&admin, CONFIGURATIONS[0], "tenant-bulkhead", "").unwrap()["metadata"]["uid"].take();
        now == *uid
    };
    let uid = get(&admin, CONFIGURATIONS[0], "tenant-bulkhead", "").unwrap()["metadata"]["uid"].take();

    let values = ["--set=settings.rules.BH301=Warn", "--set=webhook.replicas=2", "--set=logLevel=debug"];
    let upgrade = [&["upgrade", RELEASE, &chart][..], &values].concat();
    let stranger = nodes.cluster.powerful("stranger", "strangers").unwrap();
    let forged = labelled_namespace("forged", &json!({ "bulkhead.dev/tenant": "nobody" })).to_string();
    let expect_judged = || {
        let said = stranger.feed(&["create", "--dry-run=server", "-f", "-"], &forged).unwrap();
        expect_refused(&said, &[("BH102", "metadata.labels[bulkhead.dev/tenant]")]);
    };
    let added = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": "added", "labels": { "bulkhead.dev/aggregate-to-tenant": "true" } },
        "rules": [{ "apiGroups": ["policy.example.com"], "resources": ["budgets"], "verbs": ["create"] }],
    });
    admin.apply(&added.to_string()).unwrap();
    until(|| owners_rules(&admin).contains("budgets"));
    let writes = while_writes_go_on(&admin, expect_judged, || helm(&admin, &upgrade));
    let rules = owners_rules(&admin);
    assert!(rules.contains("budgets") && rules.contains("deployments"), "{rules}");
    assert!(writes > 10, "{writes}");
    until(|| create().success);
    expect_warned(&create(), &[violation]);
    assert!(is_registered(&uid));
    let webhook = get(&admin, "deployment", "bulkhead-webhook", NAMESPACE).unwrap();
    assert_eq!(webhook["status"]["readyReplicas"], 2);

    // Helm's schema knows the keys, and the webhook the values.
    let invalid = ["upgrade", RELEASE, &chart, "-n", NAMESPACE, "--set=settings.rules.BH999=Warn"];
    let said = Helm::new(admin.clone()).run(&invalid).unwrap();
    assert!(!said.success && said.stderr.contains("rules.BH999: is not a rule"), "{said:?}");
    expect_warned(&create(), &[violation]);

    while_writes_go_on(&admin, expect_judged, || helm(&admin, &["rollback", RELEASE, "1"]));
    until(|| !create().success);
    expect_bad_deployment_refused(&member);
    assert!(is_registered(&uid));
    wait_until_enforced(&admin);
}

/// The webhook reads the certificate from the Secret, and the controller gets the CA as a file. The webhook demands a
/// certificate of its callers, whose CA is in a ConfigMap.
#[test]
fn certificate_of_another_tool_and_a_client_ca_are_used_after_the_installation() {
    let nodes = empty_cluster();
    let admin = nodes.cluster.admin().unwrap();
    create_namespace(&admin);
    let authority = Authority::new("other").unwrap();
    let pair = authority.server(&[SERVER_NAME]).unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": "bulkhead-webhook-tls", "namespace": NAMESPACE },
        "stringData": { "tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate },
    });
    let callers = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "callers", "namespace": NAMESPACE },
        "data": { "ca.crt": fs::read_to_string(nodes.cluster.folder.join(CALLERS_CA)).unwrap() },
    });
    admin.apply(&objects::list([secret, callers]).to_string()).unwrap();
    let values = json!({
        "adminPort": 8090, "certificates": { "mode": "external" },
        // The API server has a client certificate for this port.
        "service": { "port": nodes.cluster.webhook_port },
        "webhook": {
            "port": 10250, "extraArgs": ["--client-ca=/etc/callers/ca.crt"],
            "extraVolumes": [{ "name": "callers", "configMap": { "name": "callers" } }],
            "extraVolumeMounts": [{ "name": "callers", "mountPath": "/etc/callers" }],
        },
    });
    let file = nodes.cluster.folder.join("values.yaml");
    fs::write(&file, values.to_string()).unwrap();
    helm(&admin, &["install", RELEASE, &chart(), "-f", &file.display().to_string()]);
    wait_until_enforced(&admin);
    expect_bad_deployment_refused(&member_with_namespace(&nodes));
    assert_eq!(get(&admin, "secret", "bulkhead-webhook-ca", NAMESPACE), None);
}
