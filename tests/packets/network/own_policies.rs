//! Generated policies of a tenant. Those that Bulkhead admits open nothing, all at once; most of those that it refuses open
//! something, each by itself.

use bulkhead::snapshot::User;
use serde_json::{Value, json};
use support::judging::is_admitted_by;
use support::objects::object;
use support::random::Random;

use super::rows::{ACME, BETA, COLLECTOR, DNS, INGRESS, JOBS, PLAIN, PUBLIC, SHARED, UNOWNED};
use super::world::World;

const NAMESPACES: &[&str] = &[
    ACME,
    ACME,
    JOBS,
    BETA,
    SHARED,
    SHARED,
    INGRESS,
    UNOWNED,
    "monitoring",
    "deploys",
    "kube-system",
    "istio-system",
    "istio-egress",
];
const PODS: &[&[(&str, &str)]] = &[PLAIN, COLLECTOR, DNS, PUBLIC, &[("app", "egress")], &[("app", "istiod")]];
const RANGES: &[&str] = &[
    "198.51.100.0/24",
    "198.51.100.0/25",
    "198.51.100.7/32",
    "198.51.0.0/16",
    "192.0.2.0/24",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "fd00::/8",
];

/// The generated policies, each with a name of its own.
pub(super) struct OwnPolicies {
    pub(super) admitted: Vec<Value>,
    pub(super) refused: Vec<Value>,
}

impl OwnPolicies {
    pub(super) fn generate(world: &World, count: usize) -> Self {
        let mut random = Random::new(501);
        let policies = (0..count).map(|number| policy(&mut random, number));
        let user = User { name: "erin", groups: vec!["acme-developers", "beta-developers"] };
        let (admitted, refused) =
            policies.partition(|policy| is_admitted_by(&["BH501", "BH502"], &world.snapshot, &user, policy));
        Self { admitted, refused }
    }
}

fn policy(random: &mut Random, number: usize) -> Value {
    let namespace = random.one_of(&[ACME, JOBS, BETA]);
    let pods = if random.one_in(2) { json!({}) } else { selector(PLAIN) };
    let mut spec = json!({ "podSelector": pods, "policyTypes": [] });
    let left_out = *random.one_of(&["Ingress", "Egress", ""]);
    let ways = [("Ingress", "ingress", "from"), ("Egress", "egress", "to")];
    for (way, direction, peers) in ways.into_iter().filter(|(way, ..)| *way != left_out) {
        let rules: Vec<Value> = (0..*random.one_of(&[0, 1, 1, 2])).map(|_| rule(random, peers)).collect();
        spec["policyTypes"].as_array_mut().unwrap().push(way.into());
        spec[direction] = rules.into();
    }
    object("networking.k8s.io/v1", "NetworkPolicy", namespace, &format!("own-{number}"), &spec)
}

fn rule(random: &mut Random, peers: &str) -> Value {
    let mut rule = json!({});
    if !random.one_in(8) {
        rule[peers] = (0..*random.one_of(&[1, 1, 1, 2])).map(|_| peer(random)).collect();
    }
    if !random.one_in(3) {
        rule["ports"] = (0..*random.one_of(&[1, 1, 2])).map(|_| port(random)).collect();
    }
    rule
}

fn port(random: &mut Random) -> Value {
    match *random.one_of(&["tcp", "tcp", "tcp", "udp", "range", "all"]) {
        "udp" => json!({ "protocol": "UDP", "port": 53 }),
        "range" => json!({ "protocol": "TCP", "port": 8000, "endPort": 9999 }),
        "all" => json!({ "protocol": "TCP" }),
        _ => {
            let number = *random.one_of(&[53_u16, 5432, 6443, 8080, 9090, 15012, 15020]);
            json!({ "protocol": "TCP", "port": number })
        }
    }
}

fn peer(random: &mut Random) -> Value {
    match *random.one_of(&["pods", "namespaces", "namespaces", "namespaces", "both", "both", "both", "range"])
    {
        "pods" => json!({ "podSelector": pods(random) }),
        "namespaces" => json!({ "namespaceSelector": namespaces(random) }),
        "both" => json!({ "namespaceSelector": namespaces(random), "podSelector": pods(random) }),
        _ => {
            let mut block = json!({ "cidr": random.one_of(RANGES) });
            if block["cidr"] == "0.0.0.0/0" && random.one_in(2) {
                block["except"] = json!(["10.0.0.0/8"]);
            }
            json!({ "ipBlock": block })
        }
    }
}

fn pods(random: &mut Random) -> Value {
    let labels: &&[_] = random.one_of(PODS);
    if random.one_in(4) { json!({}) } else { selector(labels) }
}

fn namespaces(random: &mut Random) -> Value {
    const NAME: &str = "kubernetes.io/metadata.name";
    const TENANT: &str = "bulkhead.dev/tenant";
    let name = *random.one_of(NAMESPACES);
    let another = *random.one_of(NAMESPACES);
    let tenant = *random.one_of(&["acme", "acme", "beta"]);
    let one = |key: &str, operator: &str, values: Value| {
        let values = if values.is_null() { json!({}) } else { json!({ "values": values }) };
        let mut expression = json!({ "key": key, "operator": operator });
        expression.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        json!({ "matchExpressions": [expression] })
    };
    // The evaluator cannot read `NotIn`.
    match *random.one_of(&["name", "name", "tenant", "names", "any tenant", "no tenant", "all"]) {
        "name" => selector(&[(NAME, name)]),
        "tenant" => selector(&[(TENANT, tenant)]),
        "names" => one(NAME, "In", json!([name, another])),
        "any tenant" => one(TENANT, "Exists", Value::Null),
        "no tenant" => one(TENANT, "DoesNotExist", Value::Null),
        _ => json!({}),
    }
}

fn selector(labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<_, _> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({ "matchLabels": labels })
}
