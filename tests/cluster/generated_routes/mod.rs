//! Generated VirtualServices, DestinationRules and Sidecars of a tenant, through the real istiod in a cluster without
//! Bulkhead: those that Bulkhead admits change nothing that istiod sends to the proxies of others, and many of the refused
//! ones do. `BULKHEAD_ROUTES=3000 cargo test --test cluster generated_routes` generates 3000 of each kind.

mod configuration;
mod generator;
mod stage;
mod virtual_services;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bulkhead::kinds::Kind;
use bulkhead::snapshot::{Snapshot, User};
use bulkhead::sources::files;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::judging::violations;
use support::objects::object;
use support::refusal::refused;
use support::repository;
use support::wait::until;

use generator::{Generator, KINDS};
use stage::{Applied, Stage};

/// The seed of every random choice.
const SEED: u64 = 0x5eed;
/// The objects of each kind.
const OBJECTS: usize = 300;
/// The admitted objects that are applied together.
const BATCH: usize = 24;
/// The refused objects of each kind that are applied, each alone.
const REFUSED: usize = 24;
/// The number of findings after which the test ends.
const FINDINGS: usize = 5;

/// The numbers of objects of a kind.
#[derive(Default, Debug)]
struct Tally {
    admitted: usize,
    refused: usize,
    /// Admitted objects that the API server accepted.
    accepted: usize,
    /// Refused objects that were applied.
    applied: usize,
    /// Refused objects that changed the configuration of others, or showed hosts of others to the tenant's pods.
    harmful: usize,
}

#[test]
fn admitted_route_changes_no_proxy_of_others() {
    let number = std::env::var("BULKHEAD_ROUTES").map_or(OBJECTS, |number| number.parse().unwrap());
    let snapshot = snapshot();
    let mut generator = Generator::new(SEED);
    let objects = (0..number).flat_map(|_| KINDS).map(|kind| generator.object(kind));
    let user = User { name: "carol", groups: vec!["shop-developers"] };
    let (admitted, refused): (Vec<Value>, Vec<Value>) =
        objects.partition(|object| violations(&snapshot, &user, object).is_empty());
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for object in &admitted {
        tallies.entry(kind(object).name()).or_default().admitted += 1;
    }
    for object in &refused {
        tallies.entry(kind(object).name()).or_default().refused += 1;
    }

    let mut stage = Stage::set();
    let mut findings = Vec::new();
    for batch in admitted.chunks(BATCH) {
        let mut batch: Vec<&Value> = batch.iter().collect();
        let applied = stage.apply(&batch);
        for object in &applied.accepted {
            tallies.get_mut(kind(object).name()).unwrap().accepted += 1;
        }
        let mut difference = difference(&applied);
        drop(applied);
        while let Some(found) = difference.take().filter(|_| findings.len() < FINDINGS) {
            let culprits = culprits(&mut stage, &batch);
            findings.push(format!("{found}\n{}", yaml(&culprits)));
            batch.retain(|object| !culprits.contains(object));
            difference = harm(&mut stage, &batch);
        }
    }
    for object in refused_sample(&refused) {
        let applied = stage.apply(&[object]);
        let tally = tallies.get_mut(kind(object).name()).unwrap();
        tally.applied += applied.accepted.len();
        tally.harmful += usize::from(difference(&applied).is_some());
    }

    let mut said = String::new();
    for (kind, tally) in &tallies {
        writeln!(said, "{number} of {kind}: {tally:?}").unwrap();
    }
    support::say(&said);
    assert!(findings.is_empty(), "seed {SEED:#x}:\n{}", findings.join("\n\n"));
    for (kind, Tally { admitted, refused, accepted, applied, harmful }) in &tallies {
        assert!(admitted.min(refused) > &(number / 10), "{kind}: {said}");
        assert!(accepted * 3 > admitted * 2, "{kind}: {said}");
        assert!(harmful * 10 > *applied, "{kind}: {said}");
    }
}

/// Routes for the tenant's own host that others obey for their hosts.
#[test]
fn route_for_connections_of_others_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "gr-mine");
    let name = new_namespace(&member, "gr-mine");
    let host = "www.gr-mine.example.com";
    let serve = json!({ "gateways": ["istio-ingress/public"], "hosts": [host] });
    let grants = json!({ "spec": { "grants": { "serve": serve } } }).to_string();
    it.cluster.admin().unwrap().ok(&["patch", "tenant", "gr-mine", "--type=merge", "-p", &grants]).unwrap();
    let route = |gateway: &str, protocol: &str, condition: Value| {
        let route = json!([{ "match": [condition], "route": [{ "destination": { "host": "web" } }] }]);
        let spec = json!({ "hosts": [host], "gateways": [gateway], protocol: route });
        object("networking.istio.io/v1", "VirtualService", &name, "attack", &spec).to_string()
    };
    let own = route("istio-ingress/public", "tls", json!({ "sniHosts": [host] }));
    until(|| member.feed(&["apply", "-f", "-"], &own).unwrap().success);
    for (attack, violation) in [
        (route("istio-ingress/public", "tcp", json!({ "port": 9000 })), ("BH604", "spec.tcp[0]")),
        (route("istio-ingress/public", "tls", json!({ "sniHosts": [] })), ("BH604", "spec.tls[0]")),
        (route("mesh", "tls", json!({ "sniHosts": [host] })), ("BH603", "spec")),
        (route("mesh", "tcp", json!({ "port": 5432 })), ("BH603", "spec")),
    ] {
        refused(&member, &["apply", "-f", "-"], &attack, &[violation]);
    }
}

/// The settings, tenants and namespaces of the cluster, as Bulkhead would know them.
fn snapshot() -> Snapshot {
    let file = |name: &str| repository("tests/cluster/generated_routes").join(name);
    let documents = files::read(&[file("tenants.yaml"), file("namespaces.yaml")]).unwrap();
    files::snapshot(&documents).unwrap()
}

fn kind(object: &Value) -> Kind {
    KINDS.into_iter().find(|kind| object["kind"] == kind.name()).unwrap()
}

/// Returns a difference in the configuration of others, or hosts of others that pods of the tenant know through a Sidecar.
fn difference(applied: &Applied<'_, '_>) -> Option<String> {
    applied.difference().or_else(|| {
        let sidecars = applied.accepted.iter().filter(|object| kind(object) == Kind::Sidecar);
        sidecars.into_iter().find_map(|sidecar| {
            let app = &sidecar["spec"]["workloadSelector"]["labels"]["app"];
            // Others have the same selector.
            let app = app.as_str().unwrap();
            let namespace = sidecar["metadata"]["namespace"].as_str().unwrap();
            let hosts = if app == "asking" { BTreeSet::new() } else { applied.foreign_hosts(namespace, app) };
            (!hosts.is_empty()).then(|| format!("pods with the label `app: {app}` know {hosts:?}"))
        })
    })
}

/// Returns the difference that the objects make.
fn harm(stage: &mut Stage, objects: &[&Value]) -> Option<String> {
    difference(&stage.apply(objects))
}

/// Returns the fewest neighbours among the objects that make a difference.
fn culprits<'o>(stage: &mut Stage, objects: &[&'o Value]) -> Vec<&'o Value> {
    let mut culprits = objects;
    while let Some((first, second)) =
        culprits.split_at_checked(culprits.len() / 2).filter(|_| culprits.len() > 1)
    {
        let half = [first, second].into_iter().find(|half| harm(stage, half).is_some());
        let Some(half) = half else { break };
        culprits = half;
    }
    culprits.to_vec()
}

/// The first refused objects of each kind.
fn refused_sample(refused: &[Value]) -> impl Iterator<Item = &Value> {
    KINDS
        .into_iter()
        .flat_map(|wanted| refused.iter().filter(move |object| kind(object) == wanted).take(REFUSED))
}

fn yaml(objects: &[&Value]) -> String {
    objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect::<Vec<_>>().join("---\n")
}
