//! Packets that the baseline's network policies allow. An independent evaluator (cyclonus) reads the policies, and a real
//! engine enforces them between network namespaces without proxies; both must agree with the tables.
//!
//! `rows` are the tables, `world` has their pods and policies, `changes` the mutations of a policy, `hard_sets` policies
//! that use every part of the API, `own_policies` generated policies of tenants, `admin_policies` a deny that survives,
//! `stage` sends the packets.

mod admin_policies;
mod changes;
mod hard_sets;
mod own_policies;
mod rows;
mod stage;
mod world;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::mem::discriminant;

use bulkhead_harness::evaluator::{Packet, Port, passes};
use bulkhead_harness::network::has_ipv6;
use json_patch::Patch;
use serde_json::{Value, json};

use support::snapshot_files::compare_part;

use changes::{Change, changes};
use hard_sets::HARD_SETS;
use own_policies::OwnPolicies;
use rows::{ACME, ALL, CLOSED, ROWS, Row, SERVED};
use stage::{Stage, flow, is_sent};
use world::{Part, Probe, World};

/// By the policies of one side alone, and by all policies.
#[test]
fn only_granted_packets_pass() {
    let world = World::new();
    let mut wrong = String::new();
    for Part { rows, policies, all, .. } in world.parts() {
        let probes = world.probes(rows);
        let [without, with, all] =
            [&[], &policies[..], &all].map(|policies| evaluated(policies, &packets(&probes)));
        for (((probe, without), with), all) in probes.iter().zip(without).zip(with).zip(all) {
            if !without || with != probe.arrives || all != probe.arrives {
                let Probe { who, packet, .. } = probe;
                writeln!(wrong, "{who}: {packet}: without {without}, with {with}, with all {all}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let tables = format!(
        "{}\n{}\n*all*, each by itself: {}.\n",
        table("the tenant", &[ROWS, CLOSED]),
        table("the shared service", &[SERVED]),
        listed(ALL)
    );
    compare_part("network", &tables);
}

/// The rows as a table.
fn table(what: &str, rows: &[&[Row]]) -> String {
    let mut table = format!(
        "| the other end | port | without Bulkhead | into {what} | out of {what} |\n|---|---|---|---|---|\n"
    );
    for Row { who, ports, arrives, .. } in rows.iter().copied().flatten() {
        let [into, out] = arrives.map(|arrives| if arrives { "arrives" } else { "dropped" });
        let ports = if *ports == ALL { "all".to_owned() } else { listed(ports) };
        writeln!(table, "| {who} | {ports} | arrives | {into} | {out} |").unwrap();
    }
    table
}

/// The ports, with the name of each protocol once.
fn listed(ports: &[Port]) -> String {
    let groups = ports.chunk_by(|one, other| discriminant(one) == discriminant(other));
    let group = |ports: &[Port]| {
        let ports = ports.iter().map(ToString::to_string);
        ports.reduce(|list, port| format!("{list}, {}", port.split_once(' ').unwrap().1)).unwrap()
    };
    groups.map(group).collect::<Vec<_>>().join("; ")
}

/// Each removed rule, peer or port closes a cell of the table. Each added peer, and each rule for all peers or all ports,
/// opens one.
#[test]
fn every_change_of_a_policy_changes_a_row() {
    let world = World::new();
    let mut unseen = Vec::new();
    for part in world.parts() {
        let packets = packets(&world.probes(part.rows));
        let before = evaluated(&part.policies, &packets);
        for (what, opens, policies) in part.changed() {
            let after = evaluated(&policies, &packets);
            let is_seen = before.iter().zip(after).any(|(before, after)| *before != opens && after == opens);
            if !is_seen {
                unseen.push(what);
            }
        }
    }
    assert!(unseen.is_empty(), "no cell shows {unseen:#?}");
}

/// The policies that allow something isolate the pods too, so that packets stay blocked without the default deny.
#[test]
fn default_deny_and_the_other_policies_each_isolate_pods() {
    let world = World::new();
    let [Part { rows, policies: all, .. }, ..] = world.parts();
    let packets = packets(&world.probes(rows));
    let (deny, others): (Vec<Value>, Vec<Value>) =
        all.iter().cloned().partition(|policy| policy["metadata"]["name"] == "default-deny-all");
    assert!(!evaluated(&deny, &packets).contains(&true));
    assert_eq!(evaluated(&others, &packets), evaluated(&all, &packets));
}

/// A tenant may allow again what the baseline allows, and nothing else, apart from other pods in a namespace of which the
/// baseline already lets some pods in.
#[test]
fn admitted_policy_of_a_tenant_opens_nothing() {
    let world = World::new();
    let own = OwnPolicies::generate(&world, 3_000);
    let OwnPolicies { admitted, refused } = &own;
    assert!(admitted.len() > 300, "{}", admitted.len());
    let mut opened = 0;
    let sampled: Vec<&Value> = refused.iter().step_by(refused.len() / 20).collect();
    for Part { rows, all, .. } in world.parts().into_iter().filter(|part| part.shown.is_some()) {
        let packets = packets(&world.probes(rows));
        let before = evaluated(&all, &packets);
        let way = |packet: &Packet| {
            Some((packet.from.pod.as_ref()?.namespace.clone(), packet.to.pod.as_ref()?.namespace.clone()))
        };
        let open = packets.iter().zip(&before).filter(|(_, arrives)| **arrives);
        let open: HashSet<_> = open.filter_map(|(packet, _)| way(packet)).collect();
        let opens = |policies: &[Value]| {
            let after = evaluated(&[&all[..], policies].concat(), &packets);
            let opened =
                packets.iter().zip(&before).zip(&after).filter(|((_, before), after)| !**before && **after);
            opened.filter_map(|((packet, _), _)| way(packet)).any(|way| !open.contains(&way))
        };
        let found =
            || admitted.iter().filter(|policy| opens(std::slice::from_ref(policy))).collect::<Vec<_>>();
        assert!(!opens(admitted), "opened by {:#?}", found());
        opened += sampled.iter().filter(|policy| opens(&[(**policy).clone()])).count();
    }
    // The policies of the other end keep closed what the others open.
    assert!(opened > sampled.len() / 5, "{opened} of {} refused policies open something", sampled.len());
}

/// The evaluator fails on a policy that it would not read as Kubernetes does.
#[test]
fn policy_that_the_evaluator_cannot_read_is_an_error() {
    let packets = packets(&World::new().probes(ROWS));
    for (rule, said) in [
        (json!({ "from": [{}] }), "a peer `{}`"),
        (json!({ "from": [{ "ipBlock": { "cidr": "10.0.0.0/33" } }] }), "invalid CIDR"),
        (json!({ "ports": [{ "port": "http" }] }), "port `http`"),
        (json!({ "form": [] }), "unknown field"),
        (
            json!({ "from": [{ "podSelector": { "matchExpressions": [
                { "key": "app", "operator": "NotIn", "values": ["web"] },
            ] } }] }),
            "`NotIn` on label `app`",
        ),
    ] {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "odd", "namespace": ACME },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule] },
        });
        let error = passes(&[policy], &packets).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Every cell of the tables is sent as packets, with each set of policies: none, those of one side, all, each mutation of
/// the baseline, and the hard sets. The evaluator judges the same packets.
#[test]
fn engine_and_evaluator_agree_on_every_packet() {
    if !crate::can_send_packets() {
        return;
    }
    let world = World::new();
    let mut trial = Trial::new(&world);
    for part in world.parts() {
        let probes = world.probes(part.rows);
        let packets = packets(&probes);
        let design: Vec<bool> = probes.iter().map(|probe| probe.arrives).collect();
        trial.run("no policy", &[], &packets, &vec![true; packets.len()]);
        trial.run("all policies", &part.all, &packets, &design);
        trial.run(part.title, &part.policies, &packets, &design);
        for (what, _, policies) in part.changed() {
            trial.run(&what, &policies, &packets, &evaluated(&policies, &packets));
        }
    }
    for Part { rows, all, .. } in world.parts().into_iter().filter(|part| part.shown.is_some()) {
        let probes = world.probes(rows);
        let design: Vec<bool> = probes.iter().map(|probe| probe.arrives).collect();
        let own = OwnPolicies::generate(&world, 300).admitted;
        trial.run("policies of tenants", &[all, own].concat(), &packets(&probes), &design);
    }
    for set in HARD_SETS {
        let packets = hard_sets::packets(&world);
        let design: Vec<bool> = packets.iter().map(set.arrives).collect();
        assert!(design.contains(&true) && design.contains(&false), "{}", set.title);
        let policies = (set.policies)();
        match passes(&policies, &packets) {
            Ok(evaluated) => assert_eq!(evaluated, design, "{}", set.title),
            Err(error) => assert!(set.evaluator_fails, "{}: {error}", set.title),
        }
        trial.run(set.title, &policies, &packets, &design);
    }
    trial.end();
}

/// The packets that were sent, and those that ended otherwise than expected.
struct Trial {
    stage: Stage,
    sets: usize,
    sent: usize,
    wrong: String,
}

impl Trial {
    fn new(world: &World) -> Self {
        let stage = Stage::set(world);
        stage.engine.enforce(true).unwrap();
        Self { stage, sets: 0, sent: 0, wrong: String::new() }
    }

    fn run(&mut self, what: &str, policies: &[Value], packets: &[Packet], expected: &[bool]) {
        self.stage.write(policies);
        for wrong in self.stage.wrong(packets, expected) {
            writeln!(self.wrong, "{what}: {wrong}").unwrap();
        }
        self.sets += 1;
        self.sent += packets.iter().map(flow).filter(is_sent).collect::<HashSet<_>>().len();
    }

    /// Without its engine the network passes no new connection.
    fn end(mut self) {
        self.stage.write(&[]);
        let packets = packets(&World::new().probes(CLOSED));
        let refused = vec![false; packets.len()];
        self.stage.engine.end().unwrap();
        let wrong = self.stage.wrong(&packets, &refused);
        assert!(wrong.is_empty(), "without the engine: {wrong:?}");
        let Self { sets, sent, wrong, .. } = self;
        let families = if has_ipv6() { "IPv4 and IPv6" } else { "IPv4; THIS MACHINE HAS NO IPv6" };
        let said = format!("{sent} packets past {sets} sets of policies, by {families}");
        support::say(&said);
        assert!(wrong.is_empty(), "{wrong}");
    }
}

impl Part {
    /// The policies with each [`Change`], its description, and `true` if it opens something.
    fn changed(&self) -> impl Iterator<Item = (String, bool, Vec<Value>)> {
        let Part { policies, shown, .. } = self;
        let is_shown = move |policy: &Value| {
            let value = |key: &str| policy["metadata"][key].as_str().unwrap_or_default();
            shown.is_some_and(|(key, values)| values.contains(&value(key)))
        };
        let shown = policies.iter().enumerate().filter(move |(_, policy)| is_shown(policy));
        shown.flat_map(move |(index, policy)| {
            changes(policy).into_iter().map(move |Change { step, opens }| {
                let mut policies = policies.clone();
                let patch: Patch = serde_json::from_value(json!([step])).unwrap();
                json_patch::patch(&mut policies[index], &patch).unwrap();
                (format!("{}: {step}", policy["metadata"]["name"]), opens, policies)
            })
        })
    }
}

fn packets(probes: &[Probe]) -> Vec<Packet> {
    probes.iter().map(|probe| probe.packet.clone()).collect()
}

fn evaluated(policies: &[Value], packets: &[Packet]) -> Vec<bool> {
    passes(policies, packets).unwrap()
}
