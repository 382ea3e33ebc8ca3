//! Updates that Kubernetes itself makes all the time: how many of them Bulkhead receives, and the processor time that its
//! match conditions take in the API server. The null webhook receives all of them, as Bulkhead would without conditions.
//! No webhook is registered for the status of a Deployment, so what its rows add is the noise of the measurement.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::{Value, json};
use support::api::{call, client, request};
use support::cluster::jsonpath;
use support::objects::{changed, deployment};
use support::wait::until;

use crate::figures::{Figures, interleave, micros_each};
use crate::registration::Calls;
use crate::stage::{ProcessorTime, Stage, injected_pod, user};
use crate::table::{Aim, Table};
use crate::variant::Variant;

const ROUNDS: u32 = 10;
/// Turns of each variant in a round.
const TURNS: u32 = 5;
/// Updates in a turn, one after another.
const UPDATES: u32 = 100;
const ALL_UPDATES: u32 = ROUNDS * TURNS * UPDATES;

const NODE: &str = "system:node:worker";
const NODES: &str = "system:nodes";

/// An update that is measured.
struct Update<'c> {
    title: &'static str,
    client: &'c Client,
    method: &'static str,
    media: &'static str,
    /// The API of the object, and its path in a namespace.
    path: [&'static str; 2],
    subresource: &'static str,
    /// Returns the body, from the stored object.
    body: fn(Value, u32) -> Value,
}

/// The figures of a variant.
struct Updated {
    variant: Variant,
    /// The object in its namespace.
    stored: Value,
    calls: Calls,
    /// Processor time of the API server for an update in each round, in microseconds.
    api_server: Figures,
    /// That of the round that is under way.
    spent: ProcessorTime,
}

pub(crate) fn measure(stage: &Stage) -> Vec<Aim> {
    let node = user(&stage.runtime, &stage.cluster, NODE, NODES);
    let controller =
        stage.cluster.service_account("kube-system", "deployment-controller").expect("an account");
    let controller = stage.runtime.block_on(client(&controller));
    let is_compared = |variant: &&Variant| **variant != Variant::Policy;
    let variants: Vec<Variant> = stage.variants.iter().filter(is_compared).copied().collect();
    for variant in &variants {
        create_objects(stage, *variant);
    }
    let mut table = Table::new(
        &format!(
            "Updates by Kubernetes as a dry run, {ROUNDS} rounds of {}. No webhook is registered for the status of a \
             Deployment: what its rows add is noise",
            TURNS * UPDATES
        ),
        &[
            "update",
            "admission",
            "calls of its webhook",
            "kept from it by a match condition",
            "processor time of the API server, µs",
            "added",
        ],
    );
    let mut calls: Vec<(Variant, f64)> = variants.iter().map(|variant| (*variant, 0.0)).collect();
    for update in updates(&node, &controller) {
        let all = update.measure(stage, &variants);
        print_rows(&mut table, update.title, &all);
        for ((_, calls), updated) in calls.iter_mut().zip(&all) {
            *calls += updated.calls.made;
        }
    }
    table.print();
    let compared = calls.into_iter().filter(|(variant, _)| variant.is_bulkhead());
    compared
        .map(|(variant, calls)| Aim {
            figure: "calls of the webhook for updates by Kubernetes".to_owned(),
            variant,
            found: format!("{calls:.0}"),
            target: "none",
        })
        .collect()
}

fn print_rows(table: &mut Table, title: &str, all: &[Updated]) {
    let unregistered = all.iter().find(|updated| updated.variant == Variant::NoWebhook);
    let unregistered = unregistered.expect("every variant is measured");
    let share = |number: f64| format!("{number:.0} of {ALL_UPDATES}");
    for updated in all {
        let variant = updated.variant;
        let mut cells = [title, variant.title(), "", "", "", ""].map(str::to_owned);
        cells[4] = updated.api_server.text(0);
        if variant != Variant::NoWebhook {
            cells[2] = share(updated.calls.made);
            cells[3] = share(updated.calls.excluded);
            cells[5] = updated.api_server.minus(&unregistered.api_server).text(0);
        }
        table.row(&cells);
    }
}

fn updates<'c>(node: &'c Client, controller: &'c Client) -> [Update<'c>; 3] {
    [
        Update {
            title: "status of a pod, by its node",
            client: node,
            method: "PATCH",
            media: "strategic-merge-patch+json",
            path: ["/api/v1", "pods/running"],
            subresource: "/status",
            body: |_, step| pod_status(step),
        },
        Update {
            title: "status of a Deployment, by its controller",
            client: controller,
            method: "PUT",
            media: "json",
            path: ["/apis/apps/v1", "deployments/shop"],
            subresource: "/status",
            body: |stored, step| {
                changed(stored, |deployment| deployment["status"]["observedGeneration"] = step.into())
            },
        },
        Update {
            title: "revision of a Deployment, by its controller",
            client: controller,
            method: "PUT",
            media: "json",
            path: ["/apis/apps/v1", "deployments/shop"],
            subresource: "",
            body: |stored, step| {
                changed(stored, |deployment| {
                    deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] =
                        step.to_string().into();
                })
            },
        },
    ]
}

impl Update<'_> {
    fn measure(&self, stage: &Stage, variants: &[Variant]) -> Vec<Updated> {
        let mut all: Vec<Updated> = variants
            .iter()
            .map(|variant| Updated {
                variant: *variant,
                stored: stored(stage, &self.path(*variant)),
                calls: Calls::default(),
                api_server: Figures::default(),
                spent: ProcessorTime::default(),
            })
            .collect();
        for updated in &all {
            self.update(stage, updated);
        }
        let before = stage.calls();
        for _ in 0..ROUNDS {
            for turn in 0..TURNS {
                interleave(&mut all, turn, |updated| self.take_turn(stage, updated));
            }
            for updated in &mut all {
                let spent = std::mem::take(&mut updated.spent);
                updated.api_server.push(micros_each(spent.api_server, TURNS * UPDATES));
            }
        }
        let after = stage.calls();
        for updated in &mut all {
            let of = |calls: &BTreeMap<String, Calls>| {
                calls.get(updated.variant.name()).copied().unwrap_or_default()
            };
            updated.calls = of(&after).since(of(&before));
        }
        all
    }

    fn take_turn(&self, stage: &Stage, updated: &mut Updated) {
        let start = stage.processor_time(updated.variant);
        self.update(stage, updated);
        updated.spent.add(stage.processor_time(updated.variant).since(start));
    }

    fn update(&self, stage: &Stage, updated: &Updated) {
        let path = format!("{}{}?dryRun=All", self.path(updated.variant), self.subresource);
        for step in 1..=UPDATES {
            let body = (self.body)(updated.stored.clone(), step);
            let sent = call(self.client, request(self.method, &path, self.media, &body));
            let sent = stage.runtime.block_on(sent);
            sent.unwrap_or_else(|error| panic!("{}: {}", self.title, error.message));
        }
    }

    fn path(&self, variant: Variant) -> String {
        let [api, object] = self.path;
        format!("{api}/namespaces/{}/{object}", variant.namespace())
    }
}

/// Returns a stored object, without the version that it must have when it is replaced.
fn stored(stage: &Stage, path: &str) -> Value {
    let sent = call(&stage.admin, request("GET", path, "json", &Value::Null));
    let mut object = stage.runtime.block_on(sent).expect("a stored object");
    object["metadata"]["resourceVersion"].take();
    object
}

/// Creates the objects in the namespace of a variant: a pod, and a Deployment without pods.
fn create_objects(stage: &Stage, variant: Variant) {
    let namespace = variant.namespace();
    let admin = stage.cluster.admin().expect("an administrator");
    let mut deployment = deployment(&namespace, "shop");
    let text = include_str!("../../examples/good/shop.yaml");
    let pod: Value = serde_saphyr::from_str(text).expect("YAML");
    deployment["spec"]["replicas"] = 0.into();
    deployment["spec"]["template"]["spec"] = pod["spec"].clone();
    admin.apply(&deployment.to_string()).expect("a Deployment");
    let pod = changed(injected_pod(variant), |pod| pod["metadata"]["name"] = "running".into());
    admin.apply(&pod.to_string()).expect("a pod");
    let observed = ["deployment/shop", "-n", &namespace];
    until(|| !jsonpath(&admin, &observed, "{.status.observedGeneration}").is_empty());
}

/// Returns what a kubelet writes when the containers of the pod run.
fn pod_status(step: u32) -> Value {
    let time = format!("2026-11-21T12:{:02}:{:02}Z", step / 60 % 60, step % 60);
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(|condition| {
        json!({ "type": condition, "status": "True", "lastProbeTime": null, "lastTransitionTime": time })
    });
    let containers = ["shop", "exporter"].map(|name| {
        json!({
            "name": name, "ready": true, "started": true, "restartCount": step,
            "image": format!("registry.example.com/{name}:1"), "imageID": format!("sha256:{name}"),
            "containerID": format!("containerd://{name}"), "state": { "running": { "startedAt": time } },
        })
    });
    json!({ "status": {
        "phase": "Running", "startTime": time, "hostIP": "192.0.2.1", "hostIPs": [{ "ip": "192.0.2.1" }],
        "podIP": "10.1.0.7", "podIPs": [{ "ip": "10.1.0.7" }],
        "conditions": conditions, "containerStatuses": containers,
    } })
}
