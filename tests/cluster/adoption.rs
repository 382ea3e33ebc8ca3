//! A tenant whose workloads run before Bulkhead comes: observed, audited, enforced.

use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::{Value, json};

use crate::baseline::KINDS;
use crate::cluster::{bulkhead, can_hold_pods, is_ready, namespace, pod, shared, tenant, until};

fn observed(admin: &Kubectl, name: &str) {
    let tenant = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": name },
        "spec": { "enforcement": "Observe", "owners": [{ "kind": "Group", "name": format!("{name}-developers") }] },
    });
    admin.apply(&tenant.to_string()).unwrap();
}

/// What an older cluster has: pods outside the mesh, a mesh policy that opens, a `tenant` label with a meaning of
/// its own.
fn older(admin: &Kubectl, namespace: &str) {
    admin.ok(&["create", "namespace", namespace]).unwrap();
    admin.ok(&["label", "namespace", namespace, "tenant=the-people-upstairs", "team=payments"]).unwrap();
    can_hold_pods(admin, namespace);
    let container = json!([{ "name": "web", "image": "registry.example.com/web:1" }]);
    let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "old", "namespace": namespace },
            "spec": { "selector": { "matchLabels": { "app": "old" } }, "template": {
                "metadata": { "labels": { "app": "old", "sidecar.istio.io/inject": "false" } },
                "spec": { "containers": container },
            } },
        },
        {
            "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": { "name": "default", "namespace": namespace }, "spec": { "mtls": { "mode": "PERMISSIVE" } },
        },
    ] });
    admin.apply(&objects.to_string()).unwrap();
    until(|| {
        let pods = admin.ok(&["get", "pods", "-n", namespace, "-o", "name"]).unwrap();
        pods.lines().count() == 1
    });
}

fn labels(kubectl: &Kubectl, namespace: &str) -> Value {
    let shown = kubectl.ok(&["get", "namespace", namespace, "-o", "json"]).unwrap();
    serde_json::from_str::<Value>(&shown).unwrap()["metadata"]["labels"].clone()
}

fn policies(kubectl: &Kubectl, namespace: &str) -> String {
    kubectl.ok(&["get", "networkpolicies,authorizationpolicies", "-n", namespace, "-o", "name"]).unwrap()
}

/// Takes an older cluster's namespace into a tenant that is observed.
fn adopted(admin: &Kubectl, name: &str) -> String {
    let namespace = format!("legacy-{name}");
    older(admin, &namespace);
    observed(admin, name);
    until(|| {
        let label = format!("bulkhead.dev/tenant={name}");
        let said = admin.run(&["label", "namespace", &namespace, &label]).unwrap();
        said.success
    });
    namespace
}

#[test]
fn an_observed_tenant_is_warned_and_nothing_is_written() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-watch");
    let member = it.cluster.powerful("ad-watch-alice", "ad-watch-developers").unwrap();

    let bare = pod(&name).to_string();
    let said = until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &bare).unwrap();
        said.stderr.contains("Warning: BH301").then_some(said)
    });
    assert!(said.success, "{said:?}");
    assert!(said.stderr.contains("(the tenant is observed: it will be refused once it is not)"), "{said:?}");
    // Its own policy under a name of the baseline stays its own.
    member.ok(&["annotate", "peerauthentication", "default", "-n", &name, "mine=yes"]).unwrap();

    // The step towards the mesh is its own to make.
    member.ok(&["label", "namespace", &name, "istio-injection=enabled", "--dry-run=server"]).unwrap();
    // Namespaces and identities are kept all the same.
    let said = member.run(&["label", "namespace", &name, "istio-injection=disabled"]).unwrap();
    assert!(said.stderr.contains("BH103"), "{said:?}");
    let said = member.run(&["create", "token", "default", "-n", &name, "--audience=istio-ca"]).unwrap();
    assert!(said.stderr.contains("BH403"), "{said:?}");

    // A new namespace gets its tenant's label and no other, and may go on calling things what it likes.
    let new = "tenant-ad-watch-new";
    let manifest = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": new, "labels": { "tenant": "the-people-upstairs" } },
    });
    member.feed(&["create", "-f", "-"], &manifest.to_string()).unwrap();
    assert_eq!(
        labels(&admin, new),
        json!({
            "kubernetes.io/metadata.name": new, "bulkhead.dev/tenant": "ad-watch", "tenant": "the-people-upstairs",
        })
    );

    // A tenant that came later has its baseline: had this one been due, it would stand as well.
    tenant(&it, "ad-later");
    namespace(&it.cluster.powerful("ad-later-alice", "ad-later-developers").unwrap(), "ad-later");
    assert_eq!(policies(&admin, &name), "");
    assert_eq!(policies(&admin, new), "");
    let shown = labels(&admin, &name);
    assert_eq!(
        (&shown["istio-injection"], &shown["tenant"]),
        (&Value::Null, &json!("the-people-upstairs")),
        "{shown}"
    );
    let columns = admin.ok(&["get", "tenant", "ad-watch"]).unwrap();
    assert!(columns.contains("Observe"), "{columns}");
}

#[test]
fn an_audit_finds_what_enforcing_would_refuse() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-audit");
    let (code, said) = until(|| {
        let found = bulkhead(&admin, &["audit", "--tenant", "ad-audit"]);
        found.1.stdout.contains("Pod").then_some(found)
    });
    assert_eq!(code, 1, "{said:?}");
    let pods = admin.ok(&["get", "pods", "-n", &name, "-o", "jsonpath={.items[0].metadata.name}"]).unwrap();
    let has =
        |line: &str| assert!(said.stdout.lines().any(|known| known.starts_with(line)), "{line}: {said:?}");
    has(&format!("Pod {name}/{pods}: BH301 spec: no container `istio-proxy`"));
    has(&format!("Pod {name}/{pods}: BH302 metadata.labels[sidecar.istio.io/inject]"));
    has(&format!("Deployment {name}/old: BH302 spec.template.metadata.labels[sidecar.istio.io/inject]"));
    has(&format!("PeerAuthentication {name}/default: BH202 spec.mtls.mode"));
    has(&format!(
        "Namespace {name}: BH202 metadata.labels[tenant]: `the-people-upstairs` means something else here"
    ));
    // What a Deployment makes is judged where it is written.
    assert!(!said.stdout.contains("ReplicaSet"), "{said:?}");
    assert!(said.stderr.contains(" objects in 1 namespaces judged, "), "{said:?}");

    let (code, said) = bulkhead(&admin, &["audit", "-n", &name, "-o", "json", "--context", "test"]);
    assert_eq!(code, 1, "{said:?}");
    let findings: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    let pod = findings.iter().find(|finding| finding["kind"] == "Pod").unwrap();
    assert_eq!((&pod["code"], &pod["pointer"]), (&json!("BH301"), &json!("/spec")));

    for (arguments, says) in [
        (["audit", "--tenant=nobody"], "there is no Tenant `nobody`"),
        (["audit", "-n=kube-system"], "the namespace `kube-system` is no tenant's"),
        (["audit", "--context=nowhere"], "connecting to the cluster"),
        (["enforce", "nobody"], "there is no Tenant `nobody`"),
    ] {
        let (code, said) = bulkhead(&admin, &arguments);
        assert!(code == 2 && said.stderr.contains(says), "{arguments:?}: {said:?}");
    }

    // Nothing to say of a namespace that was made under Bulkhead; nothing is clean that cannot be read.
    let member = tenant(&it, "ad-clean");
    let clean = namespace(&member, "ad-clean");
    let (code, said) = bulkhead(&admin, &["audit", "-n", &clean]);
    assert_eq!((code, said.stdout.as_str()), (0, ""), "{said:?}");
    let nobody = it.cluster.service_account("bulkhead-system", "bulkhead").unwrap();
    let (code, said) = bulkhead(&nobody, &["audit", "-n", &clean]);
    assert!(code == 3 && said.stdout.contains("could not be judged"), "{said:?}");
}

#[test]
fn what_is_missing_of_a_baseline_is_found() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = tenant(&it, "ad-drift");
    let name = namespace(&member, "ad-drift");
    // Nobody can take it away; a controller of another name puts nothing up.
    let (code, said) = bulkhead(&admin, &["audit", "-n", &name]);
    assert_eq!((code, said.stdout.as_str()), (0, ""), "{said:?}");
    let release = crate::cluster::held_up(&admin, "legacy-ad-drift", "ad-drift");
    let (code, said) = until(|| {
        let found = bulkhead(&admin, &["audit", "-n", "legacy-ad-drift"]);
        (found.1.stdout.lines().count() == 2).then_some(found)
    });
    assert_eq!(code, 1, "{said:?}");
    // The quota comes last.
    let missing = |object: &str| {
        format!(
            "{object}: BH201 metadata.name: this object of the baseline of tenant ad-drift is missing; see whether the \
             controller runs, and what its log says\n"
        )
    };
    let [owners, quota] =
        ["RoleBinding legacy-ad-drift/tenant-owners", "ResourceQuota legacy-ad-drift/tenant-quota"]
            .map(missing);
    assert_eq!(said.stdout, owners + &quota);
    release();
    is_ready(&admin, "legacy-ad-drift");
}

#[test]
fn a_tenant_is_enforced_once_its_findings_are_acknowledged() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-turn");
    let enforce = r#"{"spec":{"enforcement":"Enforce"}}"#;
    let patched =
        |patch: &str| admin.run(&["patch", "tenant", "ad-turn", "--type=merge", "-p", patch]).unwrap();
    let digest = until(|| {
        let path = "jsonpath={.status.audit.digest}";
        let digest = admin.ok(&["get", "tenant", "ad-turn", "-o", path]).unwrap();
        (!digest.is_empty()).then_some(digest)
    });
    let said = patched(enforce);
    let says = "findings would be refused from then on; see them with `bulkhead enforce ad-turn`, then write";
    assert!(said.stderr.contains("BH109 spec.enforcement") && said.stderr.contains(says), "{said:?}");
    assert!(!patched(r#"{"spec":{"enforcement":"Enforce","acknowledge":"0000"}}"#).success);

    // Without an answer nothing changes.
    let (code, said) = bulkhead(&admin, &["enforce", "ad-turn"]);
    assert_eq!(code, 1, "{said:?}");
    assert!(said.stderr.contains(&format!("acknowledge: {digest}")), "{digest} {said:?}");
    assert!(said.stderr.contains("nothing was changed"), "{said:?}");

    // The pods of one workload are one finding: a restart does not change the digest.
    let pods = || admin.ok(&["get", "pods", "-n", &name, "-o", "name"]).unwrap();
    let before = pods();
    admin.ok(&["delete", "pods", "--all", "-n", &name, "--now", "--wait=false"]).unwrap();
    until(|| !pods().is_empty() && pods() != before);
    let (_, said) = bulkhead(&admin, &["enforce", "ad-turn"]);
    assert!(said.stderr.contains(&format!("acknowledge: {digest}")), "{digest} {said:?}");

    // From Git: one apply with the digest.
    let acknowledged = format!(r#"{{"spec":{{"enforcement":"Enforce","acknowledge":"{digest}"}}}}"#);
    let dry = ["patch", "tenant", "ad-turn", "--type=merge", "--dry-run=server", "-p", &acknowledged];
    admin.ok(&dry).unwrap();
    let (code, said) = bulkhead(&admin, &["enforce", "ad-turn", "--yes"]);
    assert!(code == 0 && said.stderr.ends_with("Tenant `ad-turn` is enforced\n"), "{said:?}");

    // The baseline comes, over what stood under its names; what the label means to others stays.
    is_ready(&admin, &name);
    let mode = ["get", "peerauthentication", "default", "-n", &name, "-o", "jsonpath={.spec.mtls.mode}"];
    assert_eq!(admin.ok(&mode).unwrap(), "STRICT");
    let shown = labels(&admin, &name);
    assert_eq!(
        (&shown["istio-injection"], &shown["tenant"]),
        (&json!("enabled"), &json!("the-people-upstairs")),
        "{shown}"
    );

    // What runs goes on running and can be scaled down; what is new is refused.
    assert_eq!(pods().lines().count(), 1);
    let member = it.cluster.powerful("ad-turn-alice", "ad-turn-developers").unwrap();
    let outside = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "late", "namespace": name, "labels": { "sidecar.istio.io/inject": "false" } },
        "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
    });
    let said = until(|| {
        let said = member.feed(&["create", "-f", "-"], &outside.to_string()).unwrap();
        (!said.success).then_some(said)
    });
    assert!(said.stderr.contains("BH301") && said.stderr.contains("BH302"), "{said:?}");
    member.ok(&["scale", "deployment", "old", "--replicas=0", "-n", &name]).unwrap();
    until(|| pods().is_empty());
    let (_, said) = bulkhead(&admin, &["enforce", "ad-turn"]);
    assert!(said.stderr.contains("is enforced already"), "{said:?}");

    // And back: what was put up is taken away, whatever came by it with it.
    admin
        .ok(&["patch", "tenant", "ad-turn", "--type=merge", "-p", r#"{"spec":{"enforcement":"Observe"}}"#])
        .unwrap();
    let managed = || {
        let kinds = format!("{KINDS},clusterrolebindings,clusterroles");
        let all = ["get", &kinds, "-A", "-l", "app.kubernetes.io/managed-by=bulkhead", "-o", "json"];
        let list: Value = serde_json::from_str(&admin.ok(&all).unwrap()).unwrap();
        let is_here = |item: &&Value| {
            item["metadata"]["namespace"] == name.as_str()
                || item["metadata"]["name"].as_str().is_some_and(|object| object.ends_with("-ad-turn"))
        };
        list["items"].as_array().unwrap().iter().filter(is_here).count()
    };
    until(|| managed() == 0);
    let path = "jsonpath={.status.conditions[?(@.type=='bulkhead.dev/BaselineReady')].status}";
    until(|| admin.ok(&["get", "namespace", &name, "-o", path]).unwrap() == "False");
    until(|| member.feed(&["create", "--dry-run=server", "-f", "-"], &outside.to_string()).unwrap().success);
}

/// Who says himself that a controller made it is heard all the same.
#[test]
fn nothing_hides_from_an_audit_behind_an_owner() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = adopted(&admin, "ad-hide");
    let owner = json!([{ "apiVersion": "x.example.com/v1", "kind": "Deployment", "name": "old", "uid": "x", "controller": true }]);
    let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": { "name": "hidden", "namespace": name, "ownerReferences": owner },
            "spec": { "hosts": ["logs"], "http": [{
                "headers": { "request": { "set": { "x-tenant-identity": "other" } } },
                "route": [{ "destination": { "host": "logs" } }],
            }] },
        },
        {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "naked", "namespace": name, "ownerReferences": owner },
            "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
        },
    ] });
    admin.apply(&objects.to_string()).unwrap();
    let digest = |said: &Said| said.stderr.split("acknowledge: ").nth(1).map(|rest| rest[..16].to_owned());
    let (_, said) = until(|| {
        let found = bulkhead(&admin, &["enforce", "ad-hide"]);
        found.1.stdout.contains("hidden").then_some(found)
    });
    assert!(said.stdout.contains(&format!("VirtualService {name}/hidden: BH605")), "{said:?}");
    assert!(said.stdout.contains(&format!("Pod {name}/naked: BH301")), "{said:?}");
    admin.ok(&["delete", "pod", "naked", "-n", &name, "--now"]).unwrap();
    let (_, without) = bulkhead(&admin, &["enforce", "ad-hide"]);
    assert_ne!(digest(&said), digest(&without), "a pod of its own is a finding of its own");
}
