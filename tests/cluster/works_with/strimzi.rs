//! Strimzi's cluster operator, which creates the pods of a Kafka itself.

use serde_json::{Value, json};
use support::cluster::jsonpath;
use support::objects::object;
use support::refusal::{expect_admitted, violations};
use support::wait::until;

use super::{CREATE, NAMESPACE, Stage, has_proxy, write};

/// The rights of the operator's ClusterRole, as far as it uses them here.
fn rights() -> Value {
    let all = json!(["get", "list", "watch", "create", "delete", "patch", "update"]);
    json!([
        { "apiGroups": [""], "resources": ["pods", "serviceaccounts", "configmaps", "services", "secrets"], "verbs": all },
        { "apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": all },
        {
            "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"],
            "verbs": ["get", "list", "watch", "create", "delete", "patch", "update", "bind", "escalate"],
        },
    ])
}

fn labels() -> Value {
    json!({
        "app.kubernetes.io/managed-by": "strimzi-cluster-operator", "strimzi.io/cluster": "shop",
        "strimzi.io/kind": "Kafka", "strimzi.io/name": "shop-kafka",
    })
}

fn owned(mut object: Value) -> Value {
    object["metadata"]["labels"] = labels();
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "name": "shop", "uid": "0c1d",
        "controller": false, "blockOwnerDeletion": false,
    }]);
    object
}

/// The NetworkPolicy of a Kafka: the operator from every namespace, and a listener for every caller.
fn policy() -> Value {
    let operator = json!({
        "podSelector": { "matchLabels": { "strimzi.io/kind": "cluster-operator" } }, "namespaceSelector": {},
    });
    let broker = json!({ "podSelector": { "matchLabels": { "strimzi.io/name": "shop-kafka" } } });
    let spec = json!({
        "podSelector": { "matchLabels": { "strimzi.io/cluster": "shop", "strimzi.io/name": "shop-kafka" } },
        "policyTypes": ["Ingress"],
        "ingress": [
            { "ports": [{ "port": 9091, "protocol": "TCP" }], "from": [operator, broker] },
            { "ports": [{ "port": 9093, "protocol": "TCP" }] },
        ],
    });
    owned(object("networking.k8s.io/v1", "NetworkPolicy", NAMESPACE, "shop-network-policy-kafka", &spec))
}

/// The other objects of a Kafka, in the operator's order.
fn objects() -> Vec<Value> {
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "shop-kafka", "namespace": NAMESPACE },
    });
    let bootstrap = json!({
        "selector": labels(), "ports": [{ "name": "tcp-tls", "port": 9093, "targetPort": 9093 }],
    });
    let brokers = json!({
        "clusterIP": "None", "publishNotReadyAddresses": true, "selector": labels(),
        "ports": [{ "name": "tcp-replication", "port": 9091 }, { "name": "tcp-tls", "port": 9093 }],
    });
    let name = "shop-entity-operator";
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "rules": [{ "apiGroups": ["kafka.strimzi.io"], "resources": ["kafkatopics"], "verbs": ["get", "list", "watch"] }],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "shop-entity-topic-operator-role", "namespace": NAMESPACE },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }],
    });
    let container = json!({
        "name": "kafka", "image": "registry.example.com/kafka:4", "command": ["/opt/kafka/kafka_run.sh"],
        "ports": [{ "name": "tcp-replication", "containerPort": 9091 }, { "name": "tcp-tls", "containerPort": 9093 }],
        "volumeMounts": [{ "name": "data", "mountPath": "/var/lib/kafka/data" }],
    });
    let pod = json!({
        "hostname": "shop-kafka-0", "subdomain": "shop-kafka-brokers", "serviceAccountName": "shop-kafka",
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "containers": [container],
        "volumes": [{ "name": "data", "emptyDir": {} }],
    });
    let object = |kind: &str, name: &str, spec: &Value| object("v1", kind, NAMESPACE, name, spec);
    vec![
        account,
        role,
        object("Service", "shop-kafka-bootstrap", &bootstrap),
        object("Service", "shop-kafka-brokers", &brokers),
        binding,
        object("Pod", "shop-kafka-0", &pod),
    ]
}

#[test]
fn operator_runs_a_kafka_whose_network_policies_are_turned_off() {
    let stage = Stage::of("strimzi");
    let admin = stage.admin();
    stage.apply("tenant.yaml");
    stage.create_namespace(&stage.owner());
    let operator = stage.account("strimzi", "strimzi-cluster-operator", &rights());

    let said = write(&operator, &CREATE, &policy());
    let open = [("BH501", "spec.ingress[0].from[0].namespaceSelector"), ("BH501", "spec.ingress[1]")];
    assert_eq!(violations(&said.stderr), open, "{said:?}");
    let values: Value = serde_saphyr::from_str(stage.file("values.yaml")).unwrap();
    assert_eq!(values["generateNetworkPolicy"], false);
    for object in objects() {
        expect_admitted(&write(&operator, &CREATE, &owned(object)));
    }
    assert!(has_proxy(&stage.pod("strimzi.io/name=shop-kafka")));

    // The grant opens the operator's ports, to the operator's account.
    let tenant = stage.document("tenant.yaml", "Tenant");
    let caller = &tenant["spec"]["grants"]["callers"][0];
    let policy = ["networkpolicy", "allow-granted", "-n", NAMESPACE];
    let ingress = jsonpath(&admin, &policy, "{.spec.ingress}");
    let ports = caller["ports"].as_array().unwrap();
    assert!(ports.iter().all(|port| ingress.contains(&format!("\"port\":{port}"))), "{ingress}");
    let deny = ["authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", NAMESPACE];
    let denied = jsonpath(&admin, &deny, "{.spec}");
    assert!(denied.contains("/ns/strimzi/sa/strimzi-cluster-operator"), "{denied}");

    // Only the platform runs pods as the operator.
    let mallory = stage.account("elsewhere", "mallory", &super::everything());
    let pod = json!({ "serviceAccountName": "strimzi-cluster-operator", "containers": [{ "name": "a", "image": "b" }] });
    let pod = object("v1", "Pod", "strimzi", "mine", &pod);
    let said = || write(&mallory, &["create", "--dry-run=server", "-f", "-"], &pod);
    until(|| violations(&said().stderr).contains(&("BH407", "metadata.namespace")));
}
