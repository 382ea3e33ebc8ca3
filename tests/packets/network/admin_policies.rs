//! A deny between tenants that NetworkPolicies cannot undo: while no Bulkhead runs, an administrator deletes each
//! `default-deny-all` and allows all traffic in every namespace of a tenant.

use serde_json::{Value, json};

use super::world::{World, admin_policies};
use super::{Trial, evaluated, packets};

#[test]
fn tenants_stay_apart_without_the_default_deny() {
    if !crate::can_send_packets() {
        return;
    }
    let world = World::new();
    let [tenants, ..] = world.parts();
    let probes = world.probes(tenants.rows);
    let packets = packets(&probes);
    let table: Vec<bool> = probes.iter().map(|probe| probe.arrives).collect();
    let apart: Vec<bool> = packets
        .iter()
        .map(|packet| match [&packet.from, &packet.to].map(|end| world.tenant(end)) {
            [Some(from), Some(to)] => from == to,
            _ => true,
        })
        .collect();
    assert!(apart.contains(&true) && apart.contains(&false));
    let opened = opened(&tenants.policies);
    assert!(!evaluated(&opened, &packets).contains(&false));

    let mut trial = Trial::new(&world);
    let all = &tenants.all;
    trial.run("the baseline", &[&all[..], &admin_policies()].concat(), &packets, &table);
    trial.run("opened, without admin policies", &opened, &packets, &vec![true; packets.len()]);
    trial.run("opened", &[&opened[..], &admin_policies()].concat(), &packets, &apart);
    trial.end();
}

/// The policies without each `default-deny-all`, and with one that allows everything in its place.
fn opened(policies: &[Value]) -> Vec<Value> {
    let is_default = |policy: &&Value| policy["metadata"]["name"] == "default-deny-all";
    let (defaults, others): (Vec<_>, Vec<_>) = policies.iter().partition(is_default);
    let allow = defaults.into_iter().map(|policy| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "allow-all", "namespace": policy["metadata"]["namespace"] },
            "spec": {
                "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}],
            },
        })
    });
    others.into_iter().cloned().chain(allow).collect()
}
