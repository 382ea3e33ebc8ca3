//! Lists with two entries of one key, through the real API server. For each list that a rule reads, the API server
//! refuses the second entry, or the rule compares all of them: an entry that is allowed hides no other.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_tenant, shared};
use support::objects::{
    self, deployment, network_policy, object, peer_authentication, pod, sidecar, telemetry,
};
use support::refusal::{Violation, refused, violations};
use support::wait::until;

const READY: &str = "bulkhead.dev/BaselineReady";
const CONTROLLER: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";

/// Replaces the status of a namespace.
fn replace_status(kubectl: &Kubectl, namespace: &str, conditions: &Value, expected: &[Violation<'_>]) {
    let shown = kubectl.ok(&["get", "namespace", namespace, "-o", "json"]).unwrap();
    let mut shown: Value = serde_json::from_str(&shown).unwrap();
    shown["status"]["conditions"] = conditions.clone();
    shown["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    let path = format!("/api/v1/namespaces/{namespace}/status");
    let arguments = ["replace", "--raw", &path, "-f", "-"];
    if expected.is_empty() {
        let said = kubectl.feed(&arguments, &shown.to_string()).unwrap();
        assert!(said.success, "{said:?}");
    } else {
        refused(kubectl, &arguments, &shown.to_string(), expected);
    }
}

#[test]
fn second_ready_condition_is_refused_before_and_after_the_first() {
    let it = shared();
    let member = new_tenant(&it, "dup-ready");
    let name = new_namespace(&member, "dup-ready");
    let admin = it.cluster.admin().unwrap();
    let stored = jsonpath(&admin, &["namespace", &name], "{.status.conditions}");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let ready = &stored[0];
    assert_eq!(ready["type"], READY);
    let mut revoked = ready.clone();
    revoked["status"] = json!("False");
    for kubectl in [&member, &admin] {
        for (conditions, path) in [
            (json!([revoked, ready]), "status.conditions[0].type"),
            (json!([ready, revoked]), "status.conditions[1].type"),
            (json!([ready, ready]), "status.conditions[1].type"),
            (json!([{ "type": "example.com/other", "status": "True" }]), "status.conditions"),
        ] {
            replace_status(kubectl, &name, &conditions, &[("BH103", path)]);
        }
    }

    // Two that disagree, as they can be stored while the webhook is not registered: the namespace is not ready, until
    // the controller has replaced both.
    let controller = it.cluster.powerful(CONTROLLER, "dup-controllers").unwrap();
    let body = json!({ "status": { "conditions": [ready, revoked] } }).to_string();
    let merge = ["patch", "namespace", &name, "--subresource=status", "--type=merge", "-p", &body];
    controller.ok(&merge).unwrap();
    until(|| {
        let types = jsonpath(&admin, &["namespace", &name], "{.status.conditions[*].type}");
        let states = jsonpath(&admin, &["namespace", &name], "{.status.conditions[*].status}");
        types == READY && states == "True"
    });
}

#[test]
fn second_owner_and_second_finalizer_of_a_namespace_are_refused() {
    let it = shared();
    let member = new_tenant(&it, "dup-owner");
    let name = new_namespace(&member, "dup-owner");
    let admin = it.cluster.admin().unwrap();
    // An owner that exists: the garbage collector deletes a namespace without one.
    let uid = jsonpath(&admin, &["clusterrole", "view"], "{.metadata.uid}");
    let owner = |uid: &str| json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "view", "uid": uid });
    let patch = |kubectl: &Kubectl, list: &str, value: &Value, expected: &[Violation<'_>]| {
        let body = json!({ "metadata": { list: value } }).to_string();
        let arguments = ["patch", "namespace", &name, "--type=merge", "-p", &body];
        if expected.is_empty() {
            admin.ok(&arguments).unwrap();
        } else {
            refused(kubectl, &arguments, "", expected);
        }
    };
    patch(&admin, "ownerReferences", &json!([owner(&uid)]), &[]);
    let second = ("BH105", "metadata.ownerReferences[1]");
    patch(&member, "ownerReferences", &json!([owner(&uid), owner("b")]), &[second]);
    patch(
        &member,
        "ownerReferences",
        &json!([owner("b"), owner(&uid)]),
        &[("BH105", "metadata.ownerReferences[0]")],
    );
    patch(&admin, "ownerReferences", &json!([]), &[]);
    let twice = json!(["example.com/one", "example.com/two"]);
    let both = [("BH105", "metadata.finalizers[0]"), ("BH105", "metadata.finalizers[1]")];
    patch(&member, "finalizers", &twice, &both);
}

/// The objects, with the violations in each. The API server itself refuses those without.
fn objects(namespace: &str) -> Vec<(Value, Vec<Violation<'static>>)> {
    let container = |name: &str, more: Value| {
        let mut container = json!({ "name": name, "image": "registry.example.com/app:1" });
        container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        container
    };
    let pod = |spec: Value| {
        let mut pod = pod(namespace);
        pod["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        pod
    };
    let template = |spec: Value| {
        let mut deployment = deployment(namespace, "twice");
        deployment["spec"]["template"]["spec"] = spec;
        deployment
    };
    let privileged = json!({ "securityContext": { "privileged": true } });
    let app = container("app", json!({}));
    let volume = |source: Value| {
        let mut volume = source;
        volume["name"] = json!("data");
        volume
    };
    let [scratch, node] = [json!({ "emptyDir": {} }), json!({ "hostPath": { "path": "/" } })].map(volume);
    let token = |audience: &str| json!({ "serviceAccountToken": { "audience": audience, "path": audience } });
    let named = |name: &str| json!({ "kubernetes.io/metadata.name": name });
    let own = json!({ "key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace] });
    let dns = json!({ "namespaceSelector": { "matchLabels": named("kube-system") }, "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } } });
    let network = |spec: Value| network_policy(namespace, "twice", &spec);
    let web = json!({ "matchLabels": { "app": "web" } });
    let listener = |mode: &str| json!({ "port": { "number": 8080, "protocol": "HTTP", "name": "http" }, "captureMode": mode });
    vec![
        (template(json!({ "containers": [app, container("app", privileged.clone())] })), vec![]),
        (
            pod(
                json!({ "containers": [app, container("istio-proxy", json!({})), container("istio-proxy", json!({}))] }),
            ),
            vec![],
        ),
        (template(json!({ "containers": [app], "volumes": [scratch, node] })), vec![]),
        (template(json!({ "containers": [app], "volumes": [node, scratch] })), vec![]),
        (
            template(
                json!({ "containers": [app], "volumes": [{ "name": "tokens", "projected": { "sources": [token("vault"), token("istio-ca")] } }] }),
            ),
            vec![(
                "BH310",
                "spec.template.spec.volumes[0].projected.sources[1].serviceAccountToken.audience",
            )],
        ),
        (
            template(
                json!({ "containers": [app], "tolerations": [{ "key": "mine", "operator": "Exists" }, { "key": "node-role.kubernetes.io/control-plane", "operator": "Exists" }] }),
            ),
            vec![("BH311", "spec.template.spec.tolerations[1]")],
        ),
        (
            network(
                json!({ "ingress": [{ "from": [{ "podSelector": {} }, { "podSelector": {} }, { "namespaceSelector": {} }] }] }),
            ),
            vec![("BH501", "spec.ingress[0].from[2].namespaceSelector")],
        ),
        (
            network(
                json!({ "ingress": [{ "from": [{ "podSelector": {} }] }, { "from": [{ "podSelector": {} }] }, {}] }),
            ),
            vec![("BH501", "spec.ingress[2]")],
        ),
        // All requirements apply, so the first one suffices.
        (
            network(json!({ "ingress": [{ "from": [{ "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["kube-system", namespace] },
                { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["default"] },
            ] } }] }] })),
            vec![("BH502", "spec.ingress[0].from[0].namespaceSelector")],
        ),
        (
            network(
                json!({ "egress": [{ "to": [dns], "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "UDP", "endPort": 54 }] }] }),
            ),
            vec![("BH502", "spec.egress[0].to[0].namespaceSelector")],
        ),
        (
            network(
                json!({ "egress": [{ "to": [{ "namespaceSelector": { "matchExpressions": [own] } }] }, { "to": [dns], "ports": [{ "port": 53 }, { "port": 9153 }] }] }),
            ),
            vec![("BH502", "spec.egress[1].to[0].namespaceSelector")],
        ),
        (
            sidecar(
                namespace,
                "twice",
                &json!({ "egress": [{ "hosts": ["./*"] }, { "hosts": ["./*", "default/*"] }] }),
            ),
            vec![("BH608", "spec.egress[1].hosts[1]")],
        ),
        (
            sidecar(namespace, "twice", &json!({ "ingress": [listener("DEFAULT"), listener("NONE")] })),
            vec![("BH609", "spec.ingress[1].captureMode")],
        ),
        (
            telemetry(
                namespace,
                "twice",
                &json!({ "selector": web, "accessLogging": [{ "disabled": false, "providers": [{ "name": "envoy" }] }, { "disabled": true }] }),
            ),
            vec![("BH707", "spec.accessLogging[1].disabled")],
        ),
        (
            peer_authentication(
                namespace,
                "twice",
                &json!({ "selector": web, "portLevelMtls": { "8080": { "mode": "STRICT" }, "08080": { "mode": "DISABLE" } } }),
            ),
            vec![("BH701", "spec.portLevelMtls[08080].mode")],
        ),
        (
            object(
                "networking.istio.io/v1",
                "VirtualService",
                namespace,
                "twice",
                &json!({
                    "hosts": ["web"],
                    "http": [
                        { "route": [{ "destination": { "host": "web" } }] },
                        { "route": [{ "destination": { "host": "web" } }], "headers": { "request": { "remove": ["x-mine", "x-tenant-identity"] } } },
                    ],
                }),
            ),
            vec![("BH605", "spec.http[1].headers.request.remove[1]")],
        ),
    ]
}

#[test]
fn allowed_entry_of_a_list_hides_no_other() {
    let it = shared();
    let member = new_tenant(&it, "dup-lists");
    let name = new_namespace(&member, "dup-lists");
    let mut wrong = Vec::new();
    for (object, expected) in objects(&name) {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &object.to_string()).unwrap();
        if said.success || violations(&said.stderr) != expected {
            wrong.push(format!("{expected:?}: {said:?}\n{object}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let tokens = json!({ "spec": { "audiences": ["vault", "istio-ca"] } });
    let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default/token");
    let request =
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": tokens["spec"] });
    refused(
        &member,
        &["create", "--raw", &path, "-f", "-"],
        &request.to_string(),
        &[("BH403", "spec.audiences[1]")],
    );
    // The second controller of an object: the API server knows only one.
    let owner = |uid: &str| json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "one", "uid": uid, "controller": true });
    let twice = objects::changed(pod(&name), |pod| {
        pod["metadata"]["ownerReferences"] = json!([owner("a"), owner("b")]);
    });
    let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &twice.to_string()).unwrap();
    assert!(
        !said.success && said.stderr.contains("Only one reference can have Controller set to true"),
        "{said:?}"
    );
}
