//! What a shared service is known by, through the real API server: refused to tenants, left to the platform.

use serde_json::{Value, json};

use crate::cluster::{can_hold_pods, namespace, pod, shared, tenant, until};

fn shared_service(name: &str) -> String {
    let service = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": name },
        "spec": { "namespace": "monitoring", "selector": { "app": name }, "ports": [{ "port": 8080 }] },
    });
    let home = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "monitoring" } });
    json!({ "apiVersion": "v1", "kind": "List", "items": [home, service] }).to_string()
}

#[test]
fn a_tenant_writes_nothing_where_shared_services_run() {
    let it = shared();
    let member = tenant(&it, "id-write");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&shared_service("id-write-service")).unwrap();
    let home = "monitoring";
    let refused = |arguments: &[&str], input: &str| {
        let said = member.feed(arguments, input).unwrap();
        assert!(
            said.stderr.contains(
                "BH401 metadata.namespace: `monitoring` is a shared service's, and you act for `id-write`; write it in a \
                 namespace of your own; call the service by its name"
            ),
            "{arguments:?}: {said:?}"
        );
    };
    refused(&["create", "serviceaccount", "mine", "-n", home], "");
    refused(&["create", "token", "default", "-n", home], "");
    refused(&["create", "deployment", "mine", "--image=registry.example.com/mine:1", "-n", home], "");
    refused(&["run", "mine", "--image=registry.example.com/mine:1", "-n", home], "");
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": { "name": "mine", "namespace": home, "annotations": { "kubernetes.io/service-account.name": "default" } },
    });
    refused(&["create", "-f", "-"], &token.to_string());

    // Nor does anybody else: not with every right, not as a group of nodes without a node's name.
    let stranger = it.cluster.powerful("id-write-argo", "strangers").unwrap();
    let no_node = it.cluster.powerful("id-write-mallory", "system:nodes").unwrap();
    let route = json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": { "name": "open", "namespace": home }, "spec": { "mtls": { "mode": "PERMISSIVE" } },
    });
    for other in [&stranger, &no_node] {
        for (arguments, input) in [
            (&["create", "token", "default", "-n", home, "--audience=istio-ca"][..], String::new()),
            (&["create", "-f", "-"], token.to_string()),
            (&["create", "-f", "-"], route.to_string()),
            (
                &["create", "rolebinding", "mine", "--clusterrole=admin", "--user=me", "-n", home],
                String::new(),
            ),
        ] {
            let said = other.feed(arguments, &input).unwrap();
            let says = "BH401 metadata.namespace: `monitoring` is a shared service's, and you do not act for the platform";
            assert!(said.stderr.contains(says), "{arguments:?}: {said:?}");
        }
    }
    admin.apply(&route.to_string()).unwrap();
    let said =
        stranger.run(&["delete", "peerauthentications.security.istio.io", "open", "-n", home]).unwrap();
    assert!(said.stderr.contains("BH401"), "{said:?}");
    admin.ok(&["delete", "peerauthentications.security.istio.io", "open", "-n", home]).unwrap();

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
fn a_shared_services_name_and_tokens_of_the_mesh_are_not_to_be_had() {
    let it = shared();
    let member = tenant(&it, "id-name");
    let name = namespace(&member, "id-name");
    it.cluster.admin().unwrap().apply(&shared_service("id-name-service")).unwrap();
    let refused = |arguments: &[&str], input: &str, says: &str| {
        let said = member.feed(arguments, input).unwrap();
        assert!(!said.success && said.stderr.contains(says), "{arguments:?}: {said:?}");
    };
    until(|| {
        let said = member
            .run(&["create", "serviceaccount", "id-name-service", "-n", &name, "--dry-run=server"])
            .unwrap();
        said.stderr.contains("BH402 metadata.name: `id-name-service` is the account of the shared service")
    });
    refused(
        &["create", "token", "default", "-n", &name, "--audience=istio-ca"],
        "",
        "BH403 spec.audiences[0]",
    );
    refused(
        &["create", "-n", &name, "-f", "-"],
        &json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": { "name": "mine", "annotations": { "kubernetes.io/service-account.name": "default" } },
        })
        .to_string(),
        "BH404 type: a token that never expires",
    );

    member.ok(&["create", "serviceaccount", "web", "-n", &name]).unwrap();
    member.ok(&["create", "token", "web", "-n", &name, "--audience=vault"]).unwrap();
    member
        .ok(&["create", "secret", "generic", "database", "--from-literal=password=secret", "-n", &name])
        .unwrap();
}

/// A VirtualService that sets a header of the request, in a version of its kind.
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
fn a_route_does_not_say_who_is_calling() {
    let it = shared();
    let member = tenant(&it, "id-header");
    let name = namespace(&member, "id-header");
    for header in ["x-tenant-identity", "X-Tenant-Identity", "x-envoy-external-address"] {
        let said = member.feed(&["create", "-f", "-"], &route("v1", &name, header)).unwrap();
        let says = format!(
            "BH605 spec.http[0].headers.request.set[{header}]: `{header}` is a header that only a proxy may write"
        );
        assert!(said.stderr.contains(&says), "{said:?}");
    }
    member.apply(&route("v1", &name, "x-team")).unwrap();
}

/// Rules are written for one version of each kind; the API server serves others.
#[test]
fn an_older_version_of_a_kind_is_no_way_around() {
    let it = shared();
    let member = tenant(&it, "id-version");
    let name = namespace(&member, "id-version");
    let refused = |arguments: &[&str], input: &str, says: &str| {
        let said = member.feed(arguments, input).unwrap();
        assert!(!said.success && said.stderr.contains(says), "{arguments:?}: {said:?}");
    };
    for version in ["v1beta1", "v1alpha3"] {
        let says = "BH605 spec.http[0].headers.request.set[x-tenant-identity]: ";
        refused(&["create", "-f", "-"], &route(version, &name, "x-tenant-identity"), says);
    }
    let path = format!("/apis/security.istio.io/v1beta1/namespaces/{name}/peerauthentications/default");
    refused(&["delete", "--raw", &path], "", "BH201 metadata.name: ");
    let resource = "peerauthentications.v1beta1.security.istio.io";
    let open = r#"{"spec":{"mtls":{"mode":"PERMISSIVE"}}}"#;
    let says = "BH202 spec.mtls.mode: this keeps tenant id-version apart from the others; keep \"STRICT\"";
    refused(&["patch", resource, "default", "-n", &name, "--type=merge", "-p", open], "", says);
}

/// A node is who says so by name and is of the group of nodes.
#[test]
fn a_nodes_name_alone_opens_nothing() {
    let it = shared();
    let member = tenant(&it, "id-node");
    let name = namespace(&member, "id-node");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&shared_service("id-node-service")).unwrap();
    can_hold_pods(&admin, "monitoring");
    let no_node = it.cluster.powerful("system:node:mine", "strangers").unwrap();
    let said = no_node.run(&["create", "token", "default", "-n", &name, "--audience=istio-ca"]).unwrap();
    assert!(!said.success && said.stderr.contains("BH403 spec.audiences[0]: "), "{said:?}");
    let said = no_node.feed(&["create", "-f", "-"], &pod("monitoring").to_string()).unwrap();
    assert!(!said.success && said.stderr.contains("BH401 metadata.namespace: "), "{said:?}");
}

/// What a writer says of himself is not who the API server says he is.
#[test]
fn a_field_managers_name_opens_nothing() {
    let it = shared();
    let member = tenant(&it, "id-manager");
    let name = namespace(&member, "id-manager");
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
    let said = member.feed(&arguments, &open.to_string()).unwrap();
    let says = "BH202 spec.ingress: this keeps tenant id-manager apart from the others; remove it";
    assert!(!said.success && said.stderr.contains(says), "{said:?}");
}

/// What a tenant reaches opens in its network policy, and nothing else does.
#[test]
fn a_grant_opens_the_way_to_a_shared_service() {
    let it = shared();
    let member = tenant(&it, "id-grant");
    let name = namespace(&member, "id-grant");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&shared_service("id-grant-service")).unwrap();
    let grant = r#"{"spec":{"grants":{"reach":{"sharedServices":["id-grant-service"]}}}}"#;
    admin.ok(&["patch", "tenant", "id-grant", "--type", "merge", "-p", grant]).unwrap();
    until(|| {
        let path = "jsonpath={.spec.egress}";
        let egress = admin.ok(&["get", "networkpolicy", "allow-granted", "-n", &name, "-o", path]).unwrap();
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
