//! Policies that use the parts of the API that the baseline does not use. The expected result of each packet is a plain
//! statement beside the policies.

use bulkhead_harness::evaluator::{End, Packet, Port};
use serde_json::{Value, json};

use Port::{Tcp, Udp};

use super::rows::Other::{self, Address, Pod};
use super::rows::{ACME, BETA, COLLECTOR, DNS, INGRESS, JOBS, PLAIN, PUBLIC, SHARED, UNOWNED};
use super::world::World;

pub(super) struct HardSet {
    pub(super) title: &'static str,
    pub(super) policies: fn() -> Vec<Value>,
    pub(super) arrives: fn(&Packet) -> bool,
    /// True if the evaluator fails on these policies: then only packets and the statement are compared.
    pub(super) evaluator_fails: bool,
}

const fn set(title: &'static str, policies: fn() -> Vec<Value>, arrives: fn(&Packet) -> bool) -> HardSet {
    HardSet { title, policies, arrives, evaluator_fails: false }
}

/// Each set is about the pods of one namespace, [`ACME`].
pub(super) const HARD_SETS: &[HardSet] = &[
    HardSet {
        evaluator_fails: true,
        ..set(
            "a named port, TCP",
            || vec![ingress(&json!([{ "ports": [{ "port": "web" }] }]))],
            |packet| !packet.to.is_acme() || packet.port == Tcp(8080),
        )
    },
    HardSet {
        evaluator_fails: true,
        ..set(
            "a named port, UDP",
            || vec![ingress(&json!([{ "ports": [{ "port": "dns", "protocol": "UDP" }] }]))],
            |packet| !packet.to.is_acme() || packet.port == Udp(53),
        )
    },
    HardSet {
        evaluator_fails: true,
        ..set(
            "a named port of the destination, egress to pods",
            || vec![egress(&json!([{ "to": [{ "namespaceSelector": {} }], "ports": [{ "port": "web" }] }]))],
            |packet| !packet.from.is_acme() || packet.to.pod.is_some() && packet.port == Tcp(8080),
        )
    },
    HardSet {
        evaluator_fails: true,
        ..set(
            "a named port, egress without a peer",
            || vec![egress(&json!([{ "ports": [{ "port": "web" }] }]))],
            |packet| !packet.from.is_acme() || packet.to.pod.is_some() && packet.port == Tcp(8080),
        )
    },
    set(
        "a range of ports",
        || vec![ingress(&json!([{ "ports": [{ "port": 5432, "endPort": 8080 }] }]))],
        |packet| !packet.to.is_acme() || matches!(packet.port, Tcp(5432..=8080)),
    ),
    set(
        "a protocol without a port",
        || vec![ingress(&json!([{ "ports": [{ "protocol": "UDP" }] }]))],
        |packet| !packet.to.is_acme() || matches!(packet.port, Udp(_)),
    ),
    set(
        "a block with an exception",
        || {
            vec![egress(
                &json!([{ "to": [block("198.51.100.0/24", &["198.51.100.7/32"]), block("203.0.113.0/24", &[])] }]),
            )]
        },
        |packet| !packet.from.is_acme() || packet.to.is_at("203.0.113.7"),
    ),
    set(
        "an exception that another peer allows",
        || {
            let peers =
                json!([block("198.51.100.0/24", &["198.51.100.0/25"]), block("198.51.100.7/32", &[])]);
            vec![egress(&json!([{ "to": peers }]))]
        },
        |packet| !packet.from.is_acme() || packet.to.is_at("198.51.100.7"),
    ),
    set(
        "an IPv6 block with an exception",
        || vec![egress(&json!([{ "to": [block("2001:db8::/32", &["2001:db8::7/128"])] }]))],
        |packet| !packet.from.is_acme() || packet.to.is_at("2001:db8::10"),
    ),
    set(
        "a block of pods' addresses",
        || vec![ingress(&json!([{ "from": [block("10.244.0.0/16", &[])] }]))],
        |packet| !packet.to.is_acme() || packet.from.pod.is_some() && packet.from.address.is_ipv4(),
    ),
    set(
        "labels in a list",
        || {
            let expression = json!({ "key": "app", "operator": "In", "values": ["public", "log-collector"] });
            vec![ingress(&json!([{ "from": [any_namespace(&json!({ "matchExpressions": [expression] }))] }]))]
        },
        |packet| !packet.to.is_acme() || packet.from.is_labelled("app", &["public", "log-collector"]),
    ),
    HardSet {
        evaluator_fails: true,
        ..set(
            "labels not in a list, which absent ones are not",
            || {
                let expression = json!({ "key": "app", "operator": "NotIn", "values": ["public", "web"] });
                vec![ingress(
                    &json!([{ "from": [any_namespace(&json!({ "matchExpressions": [expression] }))] }]),
                )]
            },
            |packet| {
                let is_other =
                    packet.from.pod.is_some() && !packet.from.is_labelled("app", &["public", "web"]);
                !packet.to.is_acme() || is_other
            },
        )
    },
    set(
        "a label that a namespace does not have",
        || {
            let expression = json!({ "key": "bulkhead.dev/tenant", "operator": "DoesNotExist" });
            let peer = json!({ "namespaceSelector": { "matchExpressions": [expression] } });
            vec![ingress(&json!([{ "from": [peer] }]))]
        },
        |packet| {
            let is_without_tenant = packet.from.is_in(UNOWNED)
                || packet.from.is_in(INGRESS)
                || packet.from.is_in(SHARED)
                || packet.from.is_in("kube-system");
            !packet.to.is_acme() || is_without_tenant
        },
    ),
    set(
        "two policies that add up",
        || {
            let other = |mut policy: Value| {
                policy["metadata"]["name"] = json!("other");
                policy
            };
            vec![
                ingress(
                    &json!([{ "from": [{ "namespaceSelector": named(BETA) }], "ports": [{ "port": 8080 }] }]),
                ),
                other(ingress(&json!([{ "from": [{ "namespaceSelector": named(JOBS) }] }]))),
            ]
        },
        |packet| {
            let is_beta = packet.from.is_in(BETA) && packet.port == Tcp(8080);
            !packet.to.is_acme() || is_beta || packet.from.is_in(JOBS)
        },
    ),
    set(
        "two selectors in one peer, and in two",
        || {
            let both = json!({ "namespaceSelector": named(INGRESS), "podSelector": { "matchLabels": { "app": "web" } } });
            let each = json!([{ "namespaceSelector": named(BETA) }, { "podSelector": { "matchLabels": { "app": "web" } } }]);
            vec![ingress(&json!([{ "from": [both] }, { "from": each }]))]
        },
        |packet| !packet.to.is_acme() || packet.from.is_in(BETA) || packet.from.is_acme(),
    ),
    set(
        "the other direction of a policy with both types",
        || vec![policy(&json!(["Ingress", "Egress"]), json!({ "ingress": [{}] }))],
        |packet| !packet.from.is_acme(),
    ),
    set(
        "a policy that selects other pods",
        || {
            let mut other = ingress(&json!([]));
            other["spec"]["podSelector"] =
                json!({ "matchExpressions": [{ "key": "app", "operator": "DoesNotExist" }] });
            let mut all = egress(&json!([]));
            all["metadata"]["name"] = json!("all");
            vec![other, all]
        },
        |packet| !packet.from.is_acme(),
    ),
    set(
        "rules of both directions, each for itself",
        || {
            let rules = json!({
                "ingress": [{ "from": [{ "namespaceSelector": named(BETA) }] }],
                "egress": [{ "to": [{ "namespaceSelector": named(JOBS) }] }],
            });
            vec![policy(&json!(["Ingress", "Egress"]), rules)]
        },
        |packet| {
            (!packet.to.is_acme() || packet.from.is_in(BETA))
                && (!packet.from.is_acme() || packet.to.is_in(JOBS))
        },
    ),
];

/// Every packet between a pod of the namespace and the others, and among its own.
pub(super) fn packets(world: &World) -> Vec<Packet> {
    const OWN: Other = Pod(ACME, PLAIN);
    const OTHERS: &[Other] = &[
        OWN,
        Pod(JOBS, PLAIN),
        Pod(BETA, PLAIN),
        Pod(BETA, COLLECTOR),
        Pod(UNOWNED, PLAIN),
        Pod(INGRESS, PUBLIC),
        Pod(SHARED, COLLECTOR),
        Pod("kube-system", DNS),
        Address("198.51.100.7"),
        Address("203.0.113.7"),
        Address("2001:db8::7"),
        Address("2001:db8::10"),
    ];
    const PORTS: [Port; 6] = [Tcp(53), Tcp(5432), Tcp(8080), Tcp(9090), Udp(53), Udp(8080)];
    let ends = OTHERS.iter().flat_map(|other| world.pairs(&OWN, other));
    let ways = ends.flat_map(|(own, other)| [(own.clone(), other.clone()), (other, own)]);
    ways.flat_map(|(from, to)| PORTS.map(|port| Packet { from: from.clone(), to: to.clone(), port }))
        .collect()
}

fn ingress(rules: &Value) -> Value {
    policy(&json!(["Ingress"]), json!({ "ingress": rules }))
}

fn egress(rules: &Value) -> Value {
    policy(&json!(["Egress"]), json!({ "egress": rules }))
}

fn policy(types: &Value, rules: Value) -> Value {
    let mut spec = rules;
    spec["podSelector"] = json!({});
    spec["policyTypes"] = types.clone();
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "hard", "namespace": ACME }, "spec": spec,
    })
}

fn block(cidr: &str, except: &[&str]) -> Value {
    json!({ "ipBlock": { "cidr": cidr, "except": except } })
}

fn named(namespace: &str) -> Value {
    json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } })
}

fn any_namespace(pods: &Value) -> Value {
    json!({ "namespaceSelector": {}, "podSelector": pods })
}

trait Seen {
    fn is_in(&self, namespace: &str) -> bool;
    fn is_acme(&self) -> bool {
        self.is_in(ACME)
    }
    fn is_at(&self, address: &str) -> bool;
    fn is_labelled(&self, key: &str, values: &[&str]) -> bool;
}

impl Seen for End {
    fn is_in(&self, namespace: &str) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.namespace == namespace)
    }

    fn is_at(&self, address: &str) -> bool {
        self.address.to_string() == address
    }

    fn is_labelled(&self, key: &str, values: &[&str]) -> bool {
        let label = self.pod.as_ref().and_then(|pod| pod.labels.get(key));
        label.is_some_and(|value| values.contains(&value.as_str()))
    }
}
