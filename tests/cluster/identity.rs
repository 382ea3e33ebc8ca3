//! The identities of shared services, through the real API server: refused to tenants, and open to the platform.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{
    jsonpath, new_injected_namespace, new_namespace, new_tenant, shared, wait_for_default_account,
};
use support::objects::{self, labelled_namespace, list, peer_authentication, pod, token_secret};
use support::refusal::{self, expect_admitted, expect_refused, expect_refused_by, violations};
use support::wait::until;

/// A shared service in the namespace `monitoring`, and that namespace.
fn shared_service(name: &str) -> String {
    let spec = json!({ "namespace": "monitoring", "selector": { "app": name }, "ports": [{ "port": 8080 }] });
    let home = labelled_namespace("monitoring", &json!({}));
    list([home, objects::shared_service(name, &spec)]).to_string()
}

#[test]
fn write_to_a_shared_services_namespace_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "id-write");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&shared_service("id-write-service")).unwrap();
    let home = "monitoring";
    let foreign = [("BH401", "metadata.namespace")];
    let refused = |arguments: &[&str], input: &str| refusal::refused(&member, arguments, input, &foreign);
    refused(&["create", "serviceaccount", "mine", "-n", home], "");
    refused(&["create", "token", "default", "-n", home], "");
    refused(&["create", "deployment", "mine", "--image=registry.example.com/mine:1", "-n", home], "");
    refused(&["run", "mine", "--image=registry.example.com/mine:1", "-n", home], "");
    let token = token_secret(home, "mine");
    refused(&["create", "-f", "-"], &token.to_string());

    // Others are refused too: a user with every right, and a user in the group of nodes without the name of a node.
    let stranger = it.cluster.powerful("id-write-argo", "strangers").unwrap();
    let no_node = it.cluster.powerful("id-write-mallory", "system:nodes").unwrap();
    let open = peer_authentication(home, "open", &json!({ "mtls": { "mode": "PERMISSIVE" } }));
    for other in [&stranger, &no_node] {
        for (arguments, input) in [
            (&["create", "token", "default", "-n", home, "--audience=istio-ca"][..], String::new()),
            (&["create", "-f", "-"], token.to_string()),
            (&["create", "-f", "-"], open.to_string()),
            (
                &["create", "rolebinding", "mine", "--clusterrole=admin", "--user=me", "-n", home],
                String::new(),
            ),
        ] {
            refusal::refused(other, arguments, &input, &foreign);
        }
    }
    admin.apply(&open.to_string()).unwrap();
    let delete = ["delete", "peerauthentications.security.istio.io", "open", "-n", home];
    refusal::refused(&stranger, &delete, "", &foreign);
    admin.ok(&delete).unwrap();

    admin.ok(&["create", "serviceaccount", "id-write-service", "-n", home]).unwrap();
    admin.ok(&["create", "token", "id-write-service", "-n", home]).unwrap();
    admin
        .ok(&["create", "deployment", "id-write-service", "--image=registry.example.com/logs:1", "-n", home])
        .unwrap();
    until(|| {
        let pods = ["get", "pods", "-n", home, "-l", "app=id-write-service", "-o", "name"];
        !admin.ok(&pods).unwrap().is_empty()
    });
}

#[test]
fn shared_services_account_name_and_mesh_tokens_are_refused() {
    let it = shared();
    let member = new_tenant(&it, "id-name");
    let name = new_namespace(&member, "id-name");
    it.cluster.admin().unwrap().apply(&shared_service("id-name-service")).unwrap();
    until(|| {
        let said = member
            .run(&["create", "serviceaccount", "id-name-service", "-n", &name, "--dry-run=server"])
            .unwrap();
        !said.success && violations(&said.stderr) == [("BH402", "metadata.name")]
    });
    let token = ["create", "token", "default", "-n", &name, "--audience=istio-ca"];
    refusal::refused(&member, &token, "", &[("BH403", "spec.audiences[0]")]);
    let secret = token_secret(&name, "mine").to_string();
    refusal::refused(&member, &["create", "-f", "-"], &secret, &[("BH404", "type")]);

    member.ok(&["create", "serviceaccount", "web", "-n", &name]).unwrap();
    member.ok(&["create", "token", "web", "-n", &name, "--audience=vault"]).unwrap();
    member
        .ok(&["create", "secret", "generic", "database", "--from-literal=password=secret", "-n", &name])
        .unwrap();
}

/// A VirtualService, of this version, that sets a header of the request.
fn route(version: &str, namespace: &str, header: &str) -> String {
    let route = json!({
        "apiVersion": format!("networking.istio.io/{version}"), "kind": "VirtualService",
        "metadata": { "name": "logs", "namespace": namespace },
        "spec": {
            "hosts": ["logs"],
            "http": [{
                "headers": { "request": { "set": { header: "spiffe://cluster.local/ns/tenant-beta/sa/web" } } },
                "route": [{ "destination": { "host": "logs" } }],
            }],
        },
    });
    route.to_string()
}

#[test]
fn route_that_sets_an_identity_header_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "id-header");
    let name = new_namespace(&member, "id-header");
    for header in ["x-tenant-identity", "X-Tenant-Identity", "x-envoy-external-address"] {
        let said = member.feed(&["create", "-f", "-"], &route("v1", &name, header)).unwrap();
        let path = format!("spec.http[0].headers.request.set[{header}]");
        expect_refused(&said, &[("BH605", &path)]);
    }
    member.apply(&route("v1", &name, "x-team")).unwrap();
}

/// The rules read one version of each kind, and the API server serves others.
#[test]
fn write_through_an_older_version_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "id-version");
    let name = new_namespace(&member, "id-version");
    for version in ["v1beta1", "v1alpha3"] {
        let route = route(version, &name, "x-tenant-identity");
        let header = ("BH605", "spec.http[0].headers.request.set[x-tenant-identity]");
        refusal::refused(&member, &["create", "-f", "-"], &route, &[header]);
    }
    let path = format!("/apis/security.istio.io/v1beta1/namespaces/{name}/peerauthentications/default");
    refusal::refused(&member, &["delete", "--raw", &path], "", &[("BH201", "metadata.name")]);
    let resource = "peerauthentications.v1beta1.security.istio.io";
    let open = r#"{"spec":{"mtls":{"mode":"PERMISSIVE"}}}"#;
    let open = ["patch", resource, "default", "-n", &name, "--type=merge", "-p", open];
    refusal::refused(&member, &open, "", &[("BH202", "spec.mtls.mode")]);
}

/// Only a user with the name of a node who is also in the group of nodes counts as one.
#[test]
fn node_name_without_the_group_of_nodes_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "id-node");
    let name = new_namespace(&member, "id-node");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&shared_service("id-node-service")).unwrap();
    wait_for_default_account(&admin, "monitoring");
    let no_node = it.cluster.powerful("system:node:mine", "strangers").unwrap();
    let token = ["create", "token", "default", "-n", &name, "--audience=istio-ca"];
    refusal::refused(&no_node, &token, "", &[("BH403", "spec.audiences[0]")]);
    let pod = pod("monitoring").to_string();
    refusal::refused(&no_node, &["create", "-f", "-"], &pod, &[("BH401", "metadata.namespace")]);
}

/// Traffic goes to the address in a pod's status. Only the pod's node reports it; controllers write other fields.
#[test]
fn address_of_a_pod_is_refused_to_all_but_nodes() {
    let it = shared();
    let member = new_tenant(&it, "id-address");
    let inside = new_namespace(&member, "id-address");
    let admin = it.cluster.admin().unwrap();
    let outside = "id-address-free";
    new_injected_namespace(&admin, outside);
    for namespace in [&*inside, outside] {
        admin.apply(&pod(namespace).to_string()).unwrap();
    }
    let write = |kubectl: &Kubectl, namespace: &str, status: Value| {
        let patch = json!({ "status": status }).to_string();
        let words =
            ["patch", "pod", "app", "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
        kubectl.run(&words).unwrap()
    };
    let forged = || json!({ "podIP": "10.1.9.9", "podIPs": [{ "ip": "10.1.9.9" }] });
    let node = it.cluster.powerful("system:node:one", "system:nodes").unwrap();
    let reported = json!({ "podIP": "10.1.0.7", "podIPs": [{ "ip": "10.1.0.7" }], "hostIP": "10.0.0.1" });
    expect_admitted(&write(&node, &inside, reported));
    let controller =
        it.cluster.powerful("system:serviceaccount:kube-system:node-controller", "id-controllers").unwrap();
    for stranger in [&member, &it.cluster.powerful("id-address-argo", "strangers").unwrap(), &controller] {
        let addresses = [("BH405", "status.podIP"), ("BH405", "status.podIPs")];
        expect_refused_by("workload-changes", &write(stranger, &inside, forged()), &addresses);
        let host = write(stranger, &inside, json!({ "hostIP": "10.0.0.9" }));
        expect_refused_by("workload-changes", &host, &[("BH405", "status.hostIP")]);
        expect_admitted(&write(stranger, &inside, json!({ "phase": "Running" })));
        expect_admitted(&write(stranger, outside, forged()));
    }
    expect_admitted(&write(&admin, &inside, forged()));
}

/// istiod creates the ConfigMap in each namespace, and a proxy trusts what it finds there.
#[test]
fn root_certificate_of_the_mesh_is_refused_to_all_but_istiod() {
    let it = shared();
    let member = new_tenant(&it, "id-root");
    let inside = new_namespace(&member, "id-root");
    let admin = it.cluster.admin().unwrap();
    let outside = "id-root-free";
    admin.ok(&["create", "namespace", outside]).unwrap();
    let stranger = it.cluster.powerful("id-root-argo", "strangers").unwrap();
    let patch = |kubectl: &Kubectl, namespace: &str| {
        let forged = r#"{"data":{"forged.pem":"forged"}}"#;
        let name = "istio-ca-root-cert";
        kubectl.run(&["patch", "configmap", name, "-n", namespace, "--type=merge", "-p", forged]).unwrap()
    };
    for namespace in [&*inside, outside] {
        let created = ["wait", "--for=create", "configmap/istio-ca-root-cert", "-n", namespace];
        admin.ok(&created).unwrap();
    }
    let name = [("BH406", "metadata.name")];
    let create = |name: &'static str| ["create", "configmap", name, "-n", &inside, "--from-literal=a=b"];
    for forger in [&member, &stranger] {
        expect_refused_by("identities", &patch(forger, &inside), &name);
        refusal::refused(forger, &create("istio-ca-crl"), "", &name);
    }
    expect_admitted(&patch(&stranger, outside));
    expect_admitted(&member.run(&create("settings")).unwrap());
    let istiod = "system:serviceaccount:istio-system:istiod";
    expect_admitted(&patch(&it.cluster.powerful(istiod, "id-root-istiod").unwrap(), &inside));

    // istiod restores what was deleted.
    member.ok(&["delete", "configmap", "istio-ca-root-cert", "-n", &inside]).unwrap();
    member
        .ok(&["wait", "--for=create", "configmap/istio-ca-root-cert", "-n", &inside, "--timeout=60s"])
        .unwrap();
}

/// The field manager is text that the writer chooses, unlike the user that the API server authenticates.
#[test]
fn write_with_bulkheads_field_manager_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "id-manager");
    let name = new_namespace(&member, "id-manager");
    let open = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {
            "name": "default-deny-all", "namespace": name,
            "labels": { "app.kubernetes.io/managed-by": "bulkhead" },
        },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}] },
    });
    let manager = "--field-manager=bulkhead-controller";
    let arguments = ["apply", "--server-side", "--force-conflicts", manager, "-f", "-"];
    refusal::refused(&member, &arguments, &open.to_string(), &[("BH202", "spec.ingress")]);
}

/// The network policy opens exactly the granted service.
#[test]
fn granted_shared_service_is_opened_in_the_network_policy() {
    let it = shared();
    let member = new_tenant(&it, "id-grant");
    let name = new_namespace(&member, "id-grant");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&shared_service("id-grant-service")).unwrap();
    let grant = r#"{"spec":{"grants":{"reach":{"sharedServices":["id-grant-service"]}}}}"#;
    admin.ok(&["patch", "tenant", "id-grant", "--type", "merge", "-p", grant]).unwrap();
    until(|| {
        let egress = jsonpath(&admin, &["networkpolicy", "allow-granted", "-n", &name], "{.spec.egress}");
        let wanted = json!([{
            "ports": [{ "port": 8080, "protocol": "TCP" }],
            "to": [{
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } },
                "podSelector": { "matchLabels": { "app": "id-grant-service" } },
            }],
        }]);
        serde_json::from_str::<Value>(&egress).ok() == Some(wanted)
    });
}
