//! A tenant that moves from sidecars to the ambient dataplane and back, while its own pods and those of other tenants call
//! its pods without a pause. In front of each pod is the proxy that would judge: the real Envoy, or the double of ztunnel.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use bulkhead_harness::dataplane::{Answer, Pod};
use bulkhead_harness::kubectl::Kubectl;
use serde_json::json;
use support::cluster::{namespace_labels, wait_for_default_account, wait_until_ready};
use support::objects;
use support::wait::until;

use super::objects::host;
use super::stage::Stage;
use crate::calls::{Ending, ending};

const MOVING: &str = "tenant-pkt-moving";
const STAYING: &str = "tenant-pkt-staying";
const DATAPLANE: &str = "istio.io/dataplane-mode";
const SECURITY: &str = "pod-security.kubernetes.io/enforce";
const REQUEST: &str = "GET / HTTP/1.1";
/// The least number of calls on each way. Fewer would prove little.
const ENOUGH: usize = 3;

/// The endings of the calls on each way, counted.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<String, BTreeMap<String, usize>>>);

impl Tally {
    fn count(&self, way: &str, ending: &Ending) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.entry(way.to_owned()).or_default().entry(ending.words().to_owned()).or_default() += 1;
    }

    /// Waits until there are enough calls on each of these ways.
    fn wait_for(&self, calls: &Calls<'_>) {
        let has_enough = |way: &String| {
            let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            tally.get(way).is_some_and(|endings| endings.values().sum::<usize>() >= ENOUGH)
        };
        until(|| calls.ways.iter().all(has_enough));
    }

    /// Expects that no foreign call has arrived, and that each was judged. No policy refuses the tenant's own
    /// calls, of which a few fail while pods are exchanged.
    fn check(&self) {
        let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [arrives, refused, dropped] = [Ending::Arrives, Ending::Refused, Ending::Dropped];
        for (way, endings) in &*tally {
            let count = |ending: &Ending| endings.get(ending.words()).copied().unwrap_or_default();
            let (denied, all) = (count(&refused) + count(&dropped), endings.values().sum::<usize>());
            if way.starts_with("foreign") {
                assert_eq!(denied, all, "{way}: {tally:#?}");
            } else {
                assert_eq!(denied, 0, "{way}: {tally:#?}");
                let failed = all - count(&arrives);
                assert!(failed * 50 <= all, "{way}: {tally:#?}");
            }
        }
    }
}

/// A tenant whose pods have sidecars, with a namespace.
fn tenant(stage: &Stage, name: &str, namespace: &str) -> Kubectl {
    let group = format!("{name}-developers");
    let owners = json!([{ "kind": "Group", "name": group }]);
    let spec = json!({ "owners": owners, "dataplane": "Sidecar" });
    stage.admin.apply(&objects::tenant(name, &spec).to_string()).unwrap();
    let member = stage.installation.cluster.powerful(&format!("{name}-alice"), &group).unwrap();
    let create = ["create", "namespace", namespace];
    until(|| {
        let said = member.run(&[&create[..], &["--dry-run=server", "-o", "json"]].concat()).unwrap();
        said.stdout.contains("istio-injection")
    });
    member.ok(&create).unwrap();
    wait_until_ready(&member, namespace);
    wait_for_default_account(&member, namespace);
    member
}

/// Creates a pod and runs it. A captured pod has what istio-cni writes to it.
fn run(stage: &Stage, member: &Kubectl, namespace: &str, name: &str, is_captured: bool) -> Pod {
    let annotations =
        if is_captured { json!({ "ambient.istio.io/redirection": "enabled" }) } else { json!({}) };
    let container = json!({
        "name": "app", "image": "registry.example.com/app:1", "ports": [{ "name": "http", "containerPort": 8080 }],
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": { "app": name }, "annotations": annotations },
        "spec": { "serviceAccountName": "default", "containers": [container] },
    });
    // The first pod with a sidecar waits until the controller has learned the proxy.
    until(|| member.feed(&["create", "-f", "-"], &pod.to_string()).unwrap().success);
    let shown = member.ok(&["get", "pod", name, "-n", namespace, "-o", "json"]).unwrap();
    assert_eq!(!shown.contains("\"istio-proxy\""), is_captured, "{shown}");
    stage.dataplane.bind(namespace, name).unwrap();
    stage.dataplane.run(namespace, name).unwrap()
}

fn http(to: &str) -> [String; 4] {
    ["http", to, REQUEST, &format!("Host: {}", host("web", MOVING))].map(ToOwned::to_owned)
}

/// The end of a call for one of the tenant's pods.
fn end(answer: Answer) -> Ending {
    ending(answer, &format!(".{MOVING}"))
}

/// A call from one pod to another.
type Call = fn(&Pod, &Pod) -> Answer;

/// The ways to a pod past the caller's own proxy: with the caller's certificate as a sidecar calls and through a tunnel, and
/// in plaintext.
const WAYS: [(&str, Call); 3] = [
    ("mTLS", |from, to| {
        let request = http(&format!("{}:8080", to.address));
        from.call_around(Some(&from.certificate), &request.each_ref().map(String::as_str)).unwrap()
    }),
    ("tunnel", |from, to| {
        let request = http(&format!("{}:8080", to.address));
        from.call_through(to.address, &from.certificate, &request.each_ref().map(String::as_str)).unwrap()
    }),
    ("plaintext", |from, to| {
        let request = http(&format!("{}:8080", to.address));
        from.call_around(None, &request.each_ref().map(String::as_str)).unwrap()
    }),
];

/// A call that is repeated, and the name of its way.
type Repeated<'s> = (String, Box<dyn Fn() -> Answer + Send + 's>);

/// Calls that are repeated until they are dropped.
struct Calls<'s> {
    ways: Vec<String>,
    is_over: Arc<AtomicBool>,
    threads: Vec<ScopedJoinHandle<'s, ()>>,
}

impl<'s> Calls<'s> {
    fn start(scope: &'s Scope<'s, '_>, tally: &'s Tally, calls: Vec<Repeated<'s>>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ways = calls.iter().map(|(way, _)| way.clone()).collect();
        let threads = calls.into_iter().map(|(way, call)| {
            let is_over = Arc::clone(&is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    tally.count(&way, &end(call()));
                    thread::sleep(Duration::from_millis(20));
                }
            })
        });
        Self { ways, threads: threads.collect(), is_over }
    }
}

impl Drop for Calls<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A call of one pod by another.
fn call<'s>(
    name: &str,
    from: impl Deref<Target = Pod> + Send + 's,
    way: usize,
    to: &Arc<Pod>,
) -> Repeated<'s> {
    let (way, call) = WAYS[way];
    let to = Arc::clone(to);
    (format!("{name}, {way}"), Box::new(move || call(&from, &to)))
}

const TUNNEL: usize = 1;

/// The tenant that moves, and the pods that call it throughout.
struct Scene<'s> {
    stage: &'s Stage,
    member: Kubectl,
    caller: Pod,
    /// A pod with a sidecar of a tenant that stays.
    staying: Pod,
    /// The address of the moving tenant's Service.
    service: String,
}

impl Scene<'_> {
    fn run(&self, name: &str, is_captured: bool) -> Arc<Pod> {
        Arc::new(run(self.stage, &self.member, MOVING, name, is_captured))
    }

    fn delete(&self, name: &str) {
        self.member.ok(&["delete", "pod", name, "-n", MOVING, "--force", "--grace-period=0"]).unwrap();
    }

    fn by_service(&self) -> Answer {
        self.caller.call(&http(&self.service).each_ref().map(String::as_str)).unwrap()
    }

    /// The calls of a pod by those of other tenants, on every way.
    fn attacks<'s>(&'s self, name: &str, to: &Arc<Pod>) -> Vec<Repeated<'s>> {
        let captured = (0..WAYS.len())
            .map(|way| call(&format!("foreign captured pod to {name}"), self.stage.pod("another"), way, to));
        let sidecars = (0..WAYS.len())
            .map(|way| call(&format!("foreign pod with a sidecar to {name}"), &self.staying, way, to));
        captured.chain(sidecars).collect()
    }

    /// Adds a pod to the Service, or removes it, and waits until the caller's proxy knows.
    fn serve(&self, name: &str, is_served: bool) {
        let label = if is_served { "serves=web" } else { "serves-" };
        self.member.ok(&["label", "pod", name, "-n", MOVING, label]).unwrap();
        let workload = format!("{name}.{MOVING}");
        let answers = || matches!(self.by_service(), Answer::Said(said) if said.contains(&workload));
        until(|| (0..10).any(|_| answers()) == is_served);
    }

    fn set_dataplane(&self, dataplane: &str) {
        let patch = json!({ "spec": { "dataplane": dataplane } }).to_string();
        self.stage.admin.ok(&["patch", "tenant", "pkt-moving", "--type=merge", "-p", &patch]).unwrap();
    }

    /// Waits until the namespace has the label of the ambient dataplane, and that of sidecars, or not.
    fn wait_for_labels(&self, is_captured: bool, is_injected: bool) {
        until(|| {
            let labels = namespace_labels(&self.stage.admin, MOVING);
            let found = (labels[DATAPLANE] == "ambient", labels["istio-injection"] == "enabled");
            found == (is_captured, is_injected)
        });
    }

    fn remove_label(&self, key: &str) {
        self.stage.admin.ok(&["label", "namespace", MOVING, &format!("{key}-")]).unwrap();
    }

    /// Replaces a pod with a sidecar by a captured one.
    fn move_to_ambient(&self, tally: &Tally, old: Arc<Pod>) -> Arc<Pod> {
        thread::scope(|scope| {
            let start = |calls| Calls::start(scope, tally, calls);
            let by_service =
                start(vec![("own pod by the Service".to_owned(), Box::new(|| self.by_service()))]);
            let at_old = start(self.attacks("a sidecar", &old));
            tally.wait_for(&at_old);

            self.set_dataplane("Ambient");
            self.wait_for_labels(true, false);
            let new = self.run("new", true);
            let at_new = start(self.attacks("a captured pod", &new));
            let own = start(vec![call("own captured pod to a sidecar", Arc::clone(&new), TUNNEL, &old)]);
            self.serve("new", true);
            for calls in [&at_old, &at_new, &own] {
                tally.wait_for(calls);
            }
            self.serve("old", false);
            drop((at_old, own));
            self.delete("old");
            drop(old);
            for calls in [&at_new, &by_service] {
                tally.wait_for(calls);
            }
            new
        })
    }

    /// Makes calls of a captured pod and of one with a sidecar while network policies are enforced.
    fn with_network_policies(&self, tally: &Tally, captured: &Arc<Pod>, sidecar: &Arc<Pod>) {
        self.stage.enforce_network_policies(true);
        thread::scope(|scope| {
            let foreign = [("captured pod", captured), ("sidecar", sidecar)].map(|(name, to)| {
                let name = format!("foreign pod to a {name}, with network policies");
                call(&name, &self.staying, TUNNEL, to)
            });
            let name = "own captured pod to a sidecar, with network policies";
            let own = call(name, Arc::clone(captured), TUNNEL, sidecar);
            let by_service: Repeated<'_> =
                ("own pod by the Service, with network policies".to_owned(), Box::new(|| self.by_service()));
            let calls = Calls::start(scope, tally, foreign.into_iter().chain([own, by_service]).collect());
            tally.wait_for(&calls);
        });
        self.stage.enforce_network_policies(false);
    }

    /// Replaces a captured pod by one with a sidecar. Only then does the platform remove the label of ztunnel.
    fn move_back(&self, tally: &Tally, new: Arc<Pod>) {
        thread::scope(|scope| {
            let start = |calls| Calls::start(scope, tally, calls);
            let by_service =
                start(vec![("own pod by the Service".to_owned(), Box::new(|| self.by_service()))]);
            let at_new = start(self.attacks("a captured pod from before", &new));
            tally.wait_for(&at_new);

            self.set_dataplane("Sidecar");
            self.wait_for_labels(true, true);
            self.remove_label(SECURITY);
            let back = self.run("back", false);
            let at_back = start(self.attacks("a new sidecar", &back));
            let own = start(vec![call("own captured pod to a new sidecar", Arc::clone(&new), TUNNEL, &back)]);
            self.serve("back", true);
            for calls in [&at_new, &at_back, &own] {
                tally.wait_for(calls);
            }
            self.with_network_policies(tally, &new, &back);
            self.serve("new", false);
            drop((at_new, own));
            self.delete("new");
            drop(new);
            self.remove_label(DATAPLANE);
            self.wait_for_labels(false, true);
            for calls in [&at_back, &by_service] {
                tally.wait_for(calls);
            }
        });
    }
}

#[test]
fn moving_tenant_is_called_by_its_own_pods_alone() {
    let Some(stage) = super::stage() else { return };
    let stage = &*stage;
    let member = tenant(stage, "pkt-moving", MOVING);
    let other = tenant(stage, "pkt-staying", STAYING);
    let service = json!({ "selector": { "serves": "web" }, "ports": [{ "name": "http", "port": 8080 }] });
    member.apply(&objects::object("v1", "Service", MOVING, "web", &service).to_string()).unwrap();
    let old = Arc::new(run(stage, &member, MOVING, "old", false));
    let scene = Scene {
        caller: run(stage, &member, MOVING, "caller", false),
        staying: run(stage, &other, STAYING, "staying", false),
        service: format!("{}:8080", stage.service(MOVING, "web")),
        stage,
        member,
    };
    scene.serve("old", true);

    let tally = Tally::default();
    let new = scene.move_to_ambient(&tally, old);
    scene.move_back(&tally, new);
    tally.check();
    drop(scene);
    for (tenant, namespace) in [("pkt-moving", MOVING), ("pkt-staying", STAYING)] {
        // No kubelet ends the pods.
        stage.admin.ok(&["delete", "pods", "--all", "-n", namespace, "--force", "--grace-period=0"]).unwrap();
        stage.admin.ok(&["delete", "namespace", namespace, "--timeout=60s"]).unwrap();
        stage.admin.ok(&["delete", "tenant", tenant]).unwrap();
    }
}
