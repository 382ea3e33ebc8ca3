//! Knative: the objects that its controllers write into a namespace of a tenant, and the activator as a granted caller.

use serde_json::{Value, json};
use support::cluster::jsonpath;
use support::objects::{authorization_policy, object};
use support::refusal::{Violation, expect_admitted, expect_refused, violations};
use support::wait::until;

use super::{CREATE, NAMESPACE, Stage, everything, wait_until_bound, write};

fn owned(mut object: Value, kind: &str) -> Value {
    object["metadata"]["labels"] = json!({
        "networking.internal.knative.dev/serverlessservice": "shop-00001",
        "serving.knative.dev/revision": "shop-00001", "serving.knative.dev/service": "shop",
    });
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": kind, "name": "shop-00001",
        "uid": "7e2f", "controller": true, "blockOwnerDeletion": true,
    }]);
    object
}

/// Objects that Knative's controllers write for a Service, each with its violation.
fn refused_objects() -> [(Value, Violation<'static>); 3] {
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "shop-00001", "namespace": NAMESPACE },
        "subsets": [{
            "addresses": [{ "ip": "10.244.3.7" }], "ports": [{ "name": "http", "port": 8012, "protocol": "TCP" }],
        }],
    });
    let placeholder = json!({
        "type": "ExternalName", "externalName": "knative-local-gateway.istio-system.svc.cluster.local",
        "sessionAffinity": "None", "ports": [{ "name": "http2", "port": 80, "targetPort": 80 }],
    });
    let routes = json!({
        "hosts": [format!("shop.{NAMESPACE}.svc.cluster.local")],
        "gateways": ["knative-serving/knative-local-gateway"],
        "http": [{ "route": [{ "destination": { "host": format!("shop.{NAMESPACE}.svc.cluster.local") } }] }],
    });
    [
        (owned(endpoints, "ServerlessService"), ("BH803", "subsets[0].addresses[0].ip")),
        (
            owned(object("v1", "Service", NAMESPACE, "shop", &placeholder), "Route"),
            ("BH802", "spec.externalName"),
        ),
        (
            owned(
                object("networking.istio.io/v1", "VirtualService", NAMESPACE, "shop-ingress", &routes),
                "Ingress",
            ),
            ("BH604", "spec.gateways[0]"),
        ),
    ]
}

#[test]
fn objects_of_knative_are_refused_in_namespaces_of_tenants() {
    let stage = Stage::of("knative");
    stage.apply("tenant.yaml");
    stage.create_namespace(&stage.owner());
    let controller = stage.account("knative-serving", "controller", &everything());
    for (object, violation) in refused_objects() {
        let said = write(&controller, &CREATE, &object);
        assert!(violations(&said.stderr).contains(&violation), "{violation:?}: {said:?}");
    }
}

#[test]
fn activator_is_a_caller_with_its_own_identity_and_no_other() {
    let stage = Stage::of("knative");
    let admin = stage.admin();
    let deployer = stage.account("elsewhere", "mallory", &everything());
    stage.account("knative-serving", "activator", &everything());
    stage.apply("tenant.yaml");
    let owner = stage.owner();
    stage.create_namespace(&owner);
    wait_until_bound(&owner);

    // The mesh accepts the account of the activator, whoever called it.
    let deny = ["authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", NAMESPACE];
    let denied = jsonpath(&admin, &deny, "{.spec}");
    assert!(denied.contains("cluster.local/ns/knative-serving/sa/activator"), "{denied}");
    assert!(!denied.contains("cluster.local/ns/knative-serving/sa/controller"), "{denied}");
    let policy = ["networkpolicy", "allow-granted", "-n", NAMESPACE];
    let ingress = jsonpath(&admin, &policy, "{.spec.ingress}");
    assert!(ingress.contains("knative-serving") && ingress.contains("\"port\":8012"), "{ingress}");

    // The tenant can allow the activator, and no caller behind it.
    let allow = |name: &str, principal: &str| {
        let from = json!([{ "source": { "principals": [format!("cluster.local/ns/{principal}")] } }]);
        authorization_policy(NAMESPACE, name, &json!({ "action": "ALLOW", "rules": [{ "from": from }] }))
    };
    expect_admitted(&write(&owner, &CREATE, &allow("activator", "knative-serving/sa/activator")));
    let behind = allow("behind", "tenant-beta/sa/web");
    let path = "spec.rules[0].from[0].source.principals[0]";
    expect_refused(&write(&owner, &CREATE, &behind), &[("BH703", path)]);

    let spec = json!({ "serviceAccountName": "activator", "containers": [{ "name": "a", "image": "b" }] });
    let pod = object("v1", "Pod", "knative-serving", "mine", &spec);
    let said = || write(&deployer, &["create", "--dry-run=server", "-f", "-"], &pod);
    until(|| violations(&said().stderr).contains(&("BH407", "metadata.namespace")));
}
