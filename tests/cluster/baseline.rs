//! The baseline, through the real API server: the controller applies it, and the webhook refuses changes of it.

use std::fs;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::components;
use serde_json::{Value, json};
use support::cluster::{
    BASELINE_KINDS, managed_objects, new_namespace, new_tenant, shared, wait_until_ready,
};
use support::metrics::{metrics, value};
use support::objects::{list, object};
use support::refusal::{expect_refused, expect_refused_by, expect_warned, refused};
use support::repository;
use support::wait::until;

#[test]
fn new_namespace_gets_its_baseline() {
    let it = shared();
    let member = new_tenant(&it, "base-new");
    let name = new_namespace(&member, "base-new");
    let managed = managed_objects(&it.cluster.admin().unwrap(), &name);
    let names: Vec<&str> = managed.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "AuthorizationPolicy/deny-cross-tenant",
            "NetworkPolicy/allow-dns-and-api",
            "NetworkPolicy/allow-granted",
            "NetworkPolicy/allow-mesh",
            "NetworkPolicy/allow-same-tenant",
            "NetworkPolicy/default-deny-all",
            "PeerAuthentication/default",
            "RoleBinding/tenant-owners",
            "Sidecar/default",
        ]
    );
    assert_eq!(
        managed["NetworkPolicy/default-deny-all"]["spec"],
        json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] })
    );
    assert_eq!(
        managed["NetworkPolicy/allow-dns-and-api"]["spec"]["egress"][1],
        json!({ "to": [{ "ipBlock": { "cidr": "192.0.2.10/32" } }], "ports": [{ "port": 6443, "protocol": "TCP" }] })
    );
    assert_eq!(
        managed["AuthorizationPolicy/deny-cross-tenant"]["spec"]["rules"][0]["from"][0]["source"]["notPrincipals"],
        json!(["cluster.local/ns/tenant-base-new/sa/*"])
    );

    // The policies of the first namespace allow the second one of the tenant.
    member.ok(&["create", "namespace", "tenant-base-new-jobs"]).unwrap();
    wait_until_ready(&member, "tenant-base-new-jobs");
    let admin = it.cluster.admin().unwrap();
    until(|| {
        let path = "jsonpath={.spec.rules[0].from[0].source.notPrincipals}";
        let own = admin.ok(&[
            "get",
            "authorizationpolicies.security.istio.io/deny-cross-tenant",
            "-n",
            &name,
            "-o",
            path,
        ]);
        own.unwrap().contains("cluster.local/ns/tenant-base-new-jobs/sa/*")
    });
}

#[test]
fn owner_may_work_in_and_create_namespaces_and_nothing_else() {
    let it = shared();
    let member = new_tenant(&it, "base-owner");
    let name = new_namespace(&member, "base-owner");
    let admin = it.cluster.admin().unwrap();
    let owners = json!({ "owners": [{ "kind": "User", "name": "base-plain" }] });
    admin.apply(&support::objects::tenant("base-owner", &owners).to_string()).unwrap();
    let plain = it.cluster.user("base-plain", &[]).unwrap();
    let may = |arguments: &[&str]| plain.run(&[&["auth", "can-i"], arguments].concat()).unwrap().success;
    until(|| may(&["create", "namespaces"]) && may(&["create", "deployments.apps", "-n", &name]));
    assert!(!may(&["create", "deployments.apps", "-n", "default"]));
    assert!(!may(&["update", "leases", "-n", "kube-system"]));
    for bypass in [
        &["create", "clusterroles"][..],
        &["create", "clusterrolebindings"],
        &["bind", "clusterroles"],
        &["escalate", "roles"],
        &["impersonate", "users"],
        &["update", "tenants.bulkhead.dev"],
        &["create", "exemptions.bulkhead.dev"],
        &["delete", "validatingwebhookconfigurations"],
        &["update", "mutatingwebhookconfigurations"],
        &["create", "validatingadmissionpolicies"],
        &["create", "mutatingadmissionpolicybindings"],
        &["create", "pods", "--subresource=proxy"],
        &["create", "nodes", "--subresource=proxy"],
        &["delete", "customresourcedefinitions"],
        &["create", "apiservices"],
        &["update", "nodes"],
        &["create", "persistentvolumes"],
        &["create", "ingressclasses"],
        &["create", "runtimeclasses"],
        &["create", "storageclasses"],
        &["create", "priorityclasses"],
        &["create", "flowschemas"],
    ] {
        assert!(!may(&[bypass, &["-n", &name]].concat()), "{bypass:?}");
    }
    plain.ok(&["create", "namespace", "tenant-base-owner-own"]).unwrap();
    // These rights suffice to wait for the namespace.
    until(|| may(&["watch", "namespaces/tenant-base-owner-own"]));
    wait_until_ready(&plain, "tenant-base-owner-own");
    assert!(!may(&["list", "namespaces"]));
}

#[test]
fn deletion_of_baseline_objects_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "base-gone");
    let name = new_namespace(&member, "base-gone");
    let admin = it.cluster.admin().unwrap();
    let removed = ("BH201", "metadata.name");
    let collection = format!("/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies");
    for kubectl in [&member, &admin] {
        let said = kubectl.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
        expect_refused_by("policies", &said, &[removed]);
        refused(kubectl, &["delete", BASELINE_KINDS, "--all", "-n", &name], "", &[removed; 9]);
        // The API server stops at the first object of a collection.
        refused(kubectl, &["delete", "--raw", &collection], "", &[removed]);
    }
    let garbage_collector = "--as=system:serviceaccount:kube-system:generic-garbage-collector";
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &name, garbage_collector];
    refused(&admin, &delete, "", &[removed]);
    assert_eq!(managed_objects(&admin, &name).len(), 9);
}

#[test]
fn change_of_baseline_objects_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "base-weak");
    let name = new_namespace(&member, "base-weak");
    let admin = it.cluster.admin().unwrap();
    let deny = managed_objects(&admin, &name).remove("NetworkPolicy/default-deny-all").unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut object = deny.clone();
        object["metadata"] =
            json!({ "name": "default-deny-all", "namespace": name, "labels": deny["metadata"]["labels"] });
        change(&mut object);
        object.to_string()
    };
    let open = changed(&|object| object["spec"]["ingress"] = json!([{}]));
    let opened = [("BH202", "spec.ingress")];
    for kubectl in [&member, &admin] {
        expect_refused(&kubectl.replace(&open).unwrap(), &opened);
        refused(kubectl, &["apply", "--server-side", "--force-conflicts", "-f", "-"], &open, &opened);
        for (kind, patch) in [
            ("merge", r#"{"spec":{"ingress":[{}]}}"#),
            ("strategic", r#"{"spec":{"ingress":[{}]}}"#),
            ("json", r#"[{"op":"add","path":"/spec/ingress","value":[{}]}]"#),
        ] {
            let arguments =
                ["patch", "networkpolicy", "default-deny-all", "-n", &name, "--type", kind, "-p", patch];
            refused(kubectl, &arguments, "", &opened);
        }
        for (patch, path) in [
            (
                r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"b"}]}}"#,
                "metadata.ownerReferences",
            ),
            (r#"{"metadata":{"finalizers":["a.b/c"]}}"#, "metadata.finalizers"),
            (
                r#"{"metadata":{"labels":{"app.kubernetes.io/managed-by":"me"}}}"#,
                "metadata.labels[app.kubernetes.io/managed-by]",
            ),
            (
                r#"{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"mine"}}}"#,
                "metadata.annotations[argocd.argoproj.io/tracking-id]",
            ),
            (r#"{"spec":{"podSelector":{"matchLabels":{"app":"nobody"}}}}"#, "spec.podSelector.matchLabels"),
        ] {
            let arguments =
                ["patch", "networkpolicy", "default-deny-all", "-n", &name, "--type", "merge", "-p", patch];
            refused(kubectl, &arguments, "", &[("BH202", path)]);
        }
        let mtls = [
            "patch",
            "peerauthentications.security.istio.io",
            "default",
            "-n",
            &name,
            "--type",
            "merge",
            "-p",
        ];
        for (patch, path) in [
            (r#"{"spec":{"mtls":{"mode":"PERMISSIVE"}}}"#, "spec.mtls.mode"),
            (r#"{"metadata":{"labels":{"istio.io/rev":"nobody"}}}"#, "metadata.labels[istio.io/rev]"),
        ] {
            refused(kubectl, &[&mtls[..], &[patch]].concat(), "", &[("BH202", path)]);
        }
    }

    // Writes that change nothing are admitted.
    let same = changed(&|_| {});
    for kubectl in [&member, &admin] {
        kubectl.apply(&same).unwrap();
        assert!(kubectl.replace(&same).unwrap().success);
        let patch = r#"[{"op":"replace","path":"/spec/podSelector","value":{}}]"#;
        kubectl
            .ok(&["patch", "networkpolicy", "default-deny-all", "-n", &name, "--type", "json", "-p", patch])
            .unwrap();
    }
}

/// No rule refuses a member of a break-glass group, and each use is recorded.
#[test]
fn break_glass_deletion_is_admitted_and_recorded() {
    let it = shared();
    let name = new_namespace(&new_tenant(&it, "base-glass"), "base-glass");
    it.cluster.powerful("base-glass-unused", "firefighters").unwrap();
    let fire = it.cluster.certified_user("base-glass-fire", "firefighters").unwrap();
    let said = fire.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
    expect_warned(&said, &[("BH201", "metadata.name")]);
    let events = it.cluster.audited("base-glass-fire").unwrap();
    let annotation = &events.last().unwrap()["annotations"]["policies.bulkhead.dev/break-glass"];
    assert_eq!(annotation, "BH201", "{events:?}");
    let asked = it.replicas.iter().find(|replica| replica.process.log().contains("break-glass")).unwrap();
    let metrics = metrics(asked.admin);
    let series = "bulkhead_waived_violations_total{code=\"BH201\",reason=\"break-glass\"}";
    assert_eq!(value(&metrics, series), 1, "{metrics}");
    until(|| managed_objects(&fire, &name).len() == 9);
}

/// A label does not make an EndpointSlice or a Service one of the API server or of DNS.
/// The account is Kubernetes' own, which Bulkhead only completes. The garbage collector would delete it with an owner,
/// and a finalizer would keep its namespace.
#[test]
fn owners_and_finalizers_of_the_default_account_are_refused() {
    let it = shared();
    let member = new_tenant(&it, "base-account");
    let name = new_namespace(&member, "base-account");
    let admin = it.cluster.admin().unwrap();
    let deputy = it.cluster.powerful("base-account-argo", "base-account-deployers").unwrap();
    let owner =
        r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"b"}]}}"#;
    let finalizer = r#"{"metadata":{"finalizers":["a.b/c"]}}"#;
    for kubectl in [&member, &deputy, &admin] {
        for (patch, path) in [(owner, "metadata.ownerReferences[0]"), (finalizer, "metadata.finalizers[0]")] {
            let patch = ["patch", "serviceaccount", "default", "-n", &name, "--type=merge", "-p", patch];
            refused(kubectl, &patch, "", &[("BH202", path)]);
        }
    }
    member.ok(&["annotate", "serviceaccount", "default", "-n", &name, "example.com/note=1"]).unwrap();
    let own = member.ok(&["create", "serviceaccount", "web", "-n", &name]);
    own.unwrap();
    member.ok(&["patch", "serviceaccount", "web", "-n", &name, "--type=merge", "-p", finalizer]).unwrap();
    let none = r#"{"metadata":{"finalizers":null}}"#;
    member.ok(&["patch", "serviceaccount", "web", "-n", &name, "--type=merge", "-p", none]).unwrap();
}

#[test]
fn forged_addresses_of_api_server_and_dns_are_not_opened() {
    let it = shared();
    let name = new_namespace(&new_tenant(&it, "base-slice"), "base-slice");
    let stranger = it.cluster.powerful("base-slice-mallory", "strangers").unwrap();
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": "mine", "namespace": "default", "labels": { "kubernetes.io/service-name": "kubernetes" } },
        "addressType": "IPv4", "endpoints": [{ "addresses": ["203.0.113.7"] }], "ports": [{ "port": 443 }],
    });
    // One of the first 16, which the API server gives to no Service of another test.
    let spec = json!({ "clusterIP": "10.0.0.7", "ports": [{ "port": 53 }] });
    let mut dns = object("v1", "Service", "kube-system", "mine", &spec);
    dns["metadata"]["labels"] = json!({ "k8s-app": "kube-dns" });
    stranger.apply(&list([slice, dns]).to_string()).unwrap();
    // The controller knows both when it makes a later namespace ready.
    it.cluster.admin().unwrap().ok(&["label", "namespace", &name, "seen=1"]).unwrap();
    let later = new_namespace(&new_tenant(&it, "base-sliced"), "base-sliced");
    for name in [name, later] {
        let egress = managed_objects(&stranger, &name)["NetworkPolicy/allow-dns-and-api"]["spec"]["egress"]
            .to_string();
        assert!(egress.contains("10.0.0.10/32") && egress.contains("192.0.2.10/32"), "{egress}");
        assert!(!egress.contains("203.0.113.7") && !egress.contains("10.0.0.7/32"), "{egress}");
    }
}

/// The tenant's cluster-wide objects are deleted with it.
#[test]
fn deleted_tenant_loses_the_right_to_create_namespaces() {
    let it = shared();
    new_tenant(&it, "base-left");
    let admin = it.cluster.admin().unwrap();
    let binding = ["get", "clusterrolebinding", "bulkhead-tenant-base-left"];
    until(|| admin.run(&binding).unwrap().success);
    admin.ok(&["delete", "tenant", "base-left"]).unwrap();
    until(|| !admin.run(&binding).unwrap().success);
}

/// The fast tier compares this file with the output of `bulkhead render`.
#[test]
fn rendered_baseline_of_a_tenant_has_no_istioctl_findings() {
    let analyze = |more: &[&str]| {
        let files = ["rendered/acme.yaml", "snapshot/namespaces.yaml", "log-collector.yaml"];
        let files = files.map(|file| repository("examples").join(file));
        let mut istioctl = components::istio("istioctl").unwrap();
        let output = istioctl
            .args(["analyze", "--use-kube=false", "--all-namespaces", "--failure-threshold=Info"])
            .args(files)
            .args(more)
            .output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (clean, said) = analyze(&[]);
    assert!(clean && said.contains("No validation issues found"), "{said}");
    let lost = folder("analyze").unwrap().join("lost.yaml");
    let spec = json!({ "hosts": ["lost"], "gateways": ["nowhere"], "http": [{ "route": [{ "destination": { "host": "lost" } }] }] });
    let route = object("networking.istio.io/v1", "VirtualService", "tenant-acme", "lost", &spec);
    fs::write(&lost, route.to_string()).unwrap();
    let (clean, said) = analyze(&[&lost.display().to_string()]);
    assert!(!clean && said.contains("IST0101"), "the analysis finds a route to an unknown gateway: {said}");
}
