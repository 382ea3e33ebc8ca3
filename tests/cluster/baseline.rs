//! The baseline, through the real API server: it comes by itself, and it stays.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::components;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::wire;
use serde_json::{Value, json};

use crate::blessed::compare;
use crate::cluster::{BINARY, is_ready, namespace, shared, tenant, until};

/// The kinds that the baseline has objects of in a namespace.
pub(crate) const KINDS: &str = "networkpolicies,authorizationpolicies.security.istio.io,\
                                peerauthentications.security.istio.io,sidecars.networking.istio.io,\
                                rolebindings";

/// The objects of the baseline in a namespace, by kind and name.
pub(crate) fn kept(kubectl: &Kubectl, namespace: &str) -> BTreeMap<String, Value> {
    let list = kubectl
        .ok(&["get", KINDS, "-n", namespace, "-l", "app.kubernetes.io/managed-by=bulkhead", "-o", "json"])
        .unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    let name = |item: &Value| {
        format!("{}/{}", item["kind"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap())
    };
    items.map(|item| (name(item), item.clone())).collect()
}

pub(crate) fn refused(kubectl: &Kubectl, arguments: &[&str], input: &str, says: &str) {
    let said = kubectl.feed(arguments, input).unwrap();
    assert!(!said.success && said.stderr.contains(says), "{arguments:?}: {said:?}");
}

#[test]
fn a_new_namespace_gets_its_baseline() {
    let it = shared();
    let member = tenant(&it, "base-new");
    let name = namespace(&member, "base-new");
    let kept = kept(&it.cluster.admin().unwrap(), &name);
    let names: Vec<&str> = kept.keys().map(String::as_str).collect();
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
        kept["NetworkPolicy/default-deny-all"]["spec"],
        json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] })
    );
    assert_eq!(
        kept["NetworkPolicy/allow-dns-and-api"]["spec"]["egress"][1],
        json!({ "to": [{ "ipBlock": { "cidr": "192.0.2.10/32" } }], "ports": [{ "port": 6443, "protocol": "TCP" }] })
    );
    assert_eq!(
        kept["AuthorizationPolicy/deny-cross-tenant"]["spec"]["rules"][0]["from"][0]["source"]["notPrincipals"],
        json!(["cluster.local/ns/tenant-base-new/sa/*"])
    );

    // The second namespace of a tenant is a sibling in the first one's policies.
    member.ok(&["create", "namespace", "tenant-base-new-jobs"]).unwrap();
    is_ready(&member, "tenant-base-new-jobs");
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
fn owners_may_work_in_their_namespaces_and_create_them() {
    let it = shared();
    let member = tenant(&it, "base-owner");
    let name = namespace(&member, "base-owner");
    let admin = it.cluster.admin().unwrap();
    // Not the powerful group of the other tests: a user whom nothing but the baseline gives any right.
    let tenant = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "base-owner" },
        "spec": { "owners": [{ "kind": "User", "name": "base-plain" }] },
    });
    admin.apply(&tenant.to_string()).unwrap();
    let plain = it.cluster.user("base-plain", &[]).unwrap();
    let may = |arguments: &[&str]| plain.run(&[&["auth", "can-i"], arguments].concat()).unwrap().success;
    until(|| may(&["create", "namespaces"]) && may(&["create", "deployments.apps", "-n", &name]));
    assert!(!may(&["create", "deployments.apps", "-n", "default"]));
    for walks_around in [
        &["create", "serviceaccounts", "--subresource=token"][..],
        &["update", "namespaces"],
        &["create", "rolebindings"],
        &["impersonate", "users"],
        &["delete", "namespaces"],
        &["update", "tenants.bulkhead.dev"],
        &["create", "exemptions.bulkhead.dev"],
        &["delete", "validatingwebhookconfigurations"],
        &["update", "mutatingwebhookconfigurations"],
        &["create", "validatingadmissionpolicies"],
        &["create", "mutatingadmissionpolicybindings"],
        &["create", "pods", "--subresource=proxy"],
        &["create", "nodes", "--subresource=proxy"],
    ] {
        assert!(!may(&[walks_around, &["-n", &name]].concat()), "{walks_around:?}");
    }
    plain.ok(&["create", "namespace", "tenant-base-owner-own"]).unwrap();
    // And wait for it, with no other right than these.
    until(|| may(&["watch", "namespaces/tenant-base-owner-own"]));
    is_ready(&plain, "tenant-base-owner-own");
    assert!(!may(&["list", "namespaces"]));
}

#[test]
fn nobody_removes_the_baseline() {
    let it = shared();
    let member = tenant(&it, "base-gone");
    let name = namespace(&member, "base-gone");
    let admin = it.cluster.admin().unwrap();
    for kubectl in [&member, &admin] {
        let said = kubectl.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
        assert_eq!(
            said.stderr,
            "Error from server (Forbidden): admission webhook \"policies.bulkhead.dev\" denied the request: \n\
             BH201 metadata.name: this NetworkPolicy keeps tenant base-gone apart from the others; leave it; it goes \
             when the namespace goes\n(see: bulkhead explain BH201)\n"
        );
        refused(kubectl, &["delete", KINDS, "--all", "-n", &name], "", "BH201");
        refused(
            kubectl,
            &["delete", "--raw", &format!("/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies")],
            "",
            "BH201",
        );
    }
    let garbage_collector = "--as=system:serviceaccount:kube-system:generic-garbage-collector";
    refused(
        &admin,
        &["delete", "networkpolicy", "default-deny-all", "-n", &name, garbage_collector],
        "",
        "BH201",
    );
    assert_eq!(kept(&admin, &name).len(), 9);
}

#[test]
fn nobody_weakens_the_baseline() {
    let it = shared();
    let member = tenant(&it, "base-weak");
    let name = namespace(&member, "base-weak");
    let admin = it.cluster.admin().unwrap();
    let deny = kept(&admin, &name).remove("NetworkPolicy/default-deny-all").unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut object = deny.clone();
        object["metadata"] =
            json!({ "name": "default-deny-all", "namespace": name, "labels": deny["metadata"]["labels"] });
        change(&mut object);
        object.to_string()
    };
    let open = changed(&|object| object["spec"]["ingress"] = json!([{}]));
    let says = "BH202 spec.ingress: this keeps tenant base-weak apart from the others; remove it";
    for kubectl in [&member, &admin] {
        refused(kubectl, &["replace", "-f", "-"], &open, says);
        refused(kubectl, &["apply", "--server-side", "--force-conflicts", "-f", "-"], &open, says);
        for (kind, patch) in [
            ("merge", r#"{"spec":{"ingress":[{}]}}"#),
            ("strategic", r#"{"spec":{"ingress":[{}]}}"#),
            ("json", r#"[{"op":"add","path":"/spec/ingress","value":[{}]}]"#),
        ] {
            let arguments =
                ["patch", "networkpolicy", "default-deny-all", "-n", &name, "--type", kind, "-p", patch];
            refused(kubectl, &arguments, "", says);
        }
        for (patch, field) in [
            (
                r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"b"}]}}"#,
                "BH202 metadata.ownerReferences",
            ),
            (r#"{"metadata":{"finalizers":["a.b/c"]}}"#, "BH202 metadata.finalizers"),
            (r#"{"metadata":{"labels":{"app.kubernetes.io/managed-by":"me"}}}"#, "keep \"bulkhead\""),
            (
                r#"{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"mine"}}}"#,
                "BH202 metadata.annotations",
            ),
            (
                r#"{"spec":{"podSelector":{"matchLabels":{"app":"nobody"}}}}"#,
                "BH202 spec.podSelector.matchLabels",
            ),
        ] {
            let arguments =
                ["patch", "networkpolicy", "default-deny-all", "-n", &name, "--type", "merge", "-p", patch];
            refused(kubectl, &arguments, "", field);
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
        refused(
            kubectl,
            &[&mtls[..], &[r#"{"spec":{"mtls":{"mode":"PERMISSIVE"}}}"#]].concat(),
            "",
            "BH202 spec.mtls.mode: this keeps tenant base-weak apart from the others; keep \"STRICT\"",
        );
        refused(
            kubectl,
            &[&mtls[..], &[r#"{"metadata":{"labels":{"istio.io/rev":"nobody"}}}"#]].concat(),
            "",
            "BH202 metadata.labels[istio.io/rev]",
        );
    }

    // Writes that leave it as it must be.
    let same = changed(&|_| {});
    for kubectl in [&member, &admin] {
        kubectl.apply(&same).unwrap();
        assert!(kubectl.feed(&["replace", "-f", "-"], &same).unwrap().success);
        let patch = r#"[{"op":"replace","path":"/spec/podSelector","value":{}}]"#;
        kubectl
            .ok(&["patch", "networkpolicy", "default-deny-all", "-n", &name, "--type", "json", "-p", patch])
            .unwrap();
    }
}

/// Whoever breaks the glass is refused nothing, and leaves traces.
#[test]
fn breaking_the_glass_is_on_record() {
    let it = shared();
    let name = namespace(&tenant(&it, "base-glass"), "base-glass");
    it.cluster.powerful("base-glass-unused", "firefighters").unwrap();
    let fire = it.cluster.certified_user("base-glass-fire", "firefighters").unwrap();
    let said = fire.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
    assert!(said.success);
    assert_eq!(
        said.stderr,
        "Warning: BH201 metadata.name: this NetworkPolicy keeps tenant base-glass apart from the others (the glass is \
         broken: this is on record)\n"
    );
    let events = it.cluster.audited("base-glass-fire").unwrap();
    let annotation = &events.last().unwrap()["annotations"]["policies.bulkhead.dev/break-glass"];
    assert_eq!(annotation, "BH201", "{events:?}");
    let asked = it.replicas.iter().find(|replica| replica.process.log().contains("break-glass")).unwrap();
    let metrics = wire::get(asked.admin, "/metrics").unwrap().body;
    assert!(
        metrics.contains("bulkhead_admitted_violations_total{code=\"BH201\",why=\"break-glass\"} 1"),
        "{metrics}"
    );
    until(|| kept(&fire, &name).len() == 9);
}

/// What the baseline opens is not whatever somebody labels as the API server or as DNS.
#[test]
fn only_the_api_servers_own_addresses_are_opened() {
    let it = shared();
    let name = namespace(&tenant(&it, "base-slice"), "base-slice");
    let stranger = it.cluster.powerful("base-slice-mallory", "strangers").unwrap();
    let forged = json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": "mine", "namespace": "default", "labels": { "kubernetes.io/service-name": "kubernetes" } },
            "addressType": "IPv4", "endpoints": [{ "addresses": ["203.0.113.7"] }], "ports": [{ "port": 443 }],
        },
        {
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "mine", "namespace": "kube-system", "labels": { "k8s-app": "kube-dns" } },
            "spec": { "clusterIP": "10.0.0.77", "ports": [{ "port": 53 }] },
        },
    ] });
    stranger.apply(&forged.to_string()).unwrap();
    // A namespace that comes later is made ready in a world that knows both.
    it.cluster.admin().unwrap().ok(&["label", "namespace", &name, "seen=1"]).unwrap();
    let later = namespace(&tenant(&it, "base-sliced"), "base-sliced");
    for name in [name, later] {
        let egress = kept(&stranger, &name)["NetworkPolicy/allow-dns-and-api"]["spec"]["egress"].to_string();
        assert!(egress.contains("10.0.0.10/32") && egress.contains("192.0.2.10/32"), "{egress}");
        assert!(!egress.contains("203.0.113.7") && !egress.contains("10.0.0.77"), "{egress}");
    }
}

/// What the tenant had beyond its namespaces goes with it.
#[test]
fn a_tenant_that_is_gone_creates_no_more_namespaces() {
    let it = shared();
    tenant(&it, "base-left");
    let admin = it.cluster.admin().unwrap();
    let binding = ["get", "clusterrolebinding", "bulkhead-tenant-base-left"];
    until(|| admin.run(&binding).unwrap().success);
    admin.ok(&["delete", "tenant", "base-left"]).unwrap();
    until(|| !admin.run(&binding).unwrap().success);
}

/// The whole baseline as YAML, and what Istio's own analysis says of it.
#[test]
fn the_baseline_is_printed_and_istio_finds_nothing_in_it() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let output = Command::new(BINARY)
        .args(["render", "--world", &format!("{examples}/world"), "--tenant", "acme"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    compare("examples/rendered/acme.yaml", &String::from_utf8(output.stdout).unwrap());

    let analyze = |more: &[&str]| {
        let files = ["rendered/acme.yaml", "world/namespaces.yaml", "log-collector.yaml"];
        let files = files.map(|file| format!("{examples}/{file}"));
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
    let route = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": "lost", "namespace": "tenant-acme" },
        "spec": { "hosts": ["lost"], "gateways": ["nowhere"], "http": [{ "route": [{ "destination": { "host": "lost" } }] }] },
    });
    fs::write(&lost, route.to_string()).unwrap();
    let (clean, said) = analyze(&[&lost.display().to_string()]);
    assert!(!clean && said.contains("IST0101"), "it finds what is there to find: {said}");
}
