//! Pods of a tenant that weaken the capture of their own traffic. Without Bulkhead they run, past the same policies;
//! with it they are refused.

use bulkhead_harness::dataplane::Pod;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::managed_objects;
use support::objects::{changed, list};
use support::refusal::{Violation, expect_admitted, refused};
use support::wait::until;

use Direction::{Inbound, Outbound};

use crate::calls::ending;

use super::objects::{self, ACME, OUTSIDE};
use super::rows::Ending::{self, Arrives, Refused};
use super::stage::Stage;

struct Weakening {
    /// The pod's name.
    pod: &'static str,
    /// Completes "a pod that …".
    words: &'static str,
    direction: Direction,
    weaken: fn(&mut Value),
    violations: &'static [Violation<'static>],
}

/// The direction of the calls that the pod's proxy would refuse.
#[derive(Clone, Copy)]
enum Direction {
    /// In plaintext, from another tenant and from outside the mesh.
    Inbound,
    /// To a workload that is not in the mesh's registry.
    Outbound,
}

const WEAKENINGS: [Weakening; 5] = [
    Weakening {
        pod: "excluded",
        words: "excludes port 8080 from the redirection",
        direction: Inbound,
        weaken: |pod| {
            pod["metadata"]["annotations"] =
                json!({ "traffic.sidecar.istio.io/excludeInboundPorts": "8080" });
        },
        violations: &[
            ("BH303", "metadata.annotations[traffic.sidecar.istio.io/excludeInboundPorts]"),
            ("BH304", "spec.initContainers[0].args[16]"),
        ],
    },
    Weakening {
        pod: "bare",
        words: "opts out of the injection",
        direction: Inbound,
        weaken: |pod| pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false"),
        violations: &[("BH301", "spec"), ("BH302", "metadata.labels[sidecar.istio.io/inject]")],
    },
    Weakening {
        pod: "dry",
        words: "sets `DRY_RUN` in `istio-init`",
        direction: Inbound,
        weaken: |pod| {
            let env = json!([{ "name": "DRY_RUN", "value": "true" }]);
            pod["spec"]["initContainers"] = json!([{ "name": "istio-init", "image": "auto", "env": env }]);
        },
        violations: &[
            ("BH304", "metadata.annotations[proxy.istio.io/overrides]"),
            ("BH304", "spec.initContainers[0].env[0]"),
        ],
    },
    Weakening {
        pod: "flushed",
        words: "flushes the redirection, with `NET_ADMIN`",
        direction: Inbound,
        weaken: |pod| {
            pod["spec"]["initContainers"] = json!([{
                "name": "flush", "image": "registry.example.com/tools:1",
                "command": ["iptables", "-t", "nat", "-F"],
                "securityContext": { "capabilities": { "add": ["NET_ADMIN"] } },
            }]);
        },
        violations: &[("BH307", "spec.initContainers[2].securityContext.capabilities.add[0]")],
    },
    Weakening {
        pod: "proxy-user",
        words: "runs its application as the proxy's user, 1337",
        direction: Outbound,
        weaken: |pod| pod["spec"]["containers"][0]["securityContext"] = json!({ "runAsUser": 1337 }),
        violations: &[("BH305", "spec.containers[0].securityContext.runAsUser")],
    },
];

/// The baseline's policies for the tenant's proxies, to be applied in the cluster without Bulkhead.
pub(super) fn policies(admin: &Kubectl) -> Value {
    let objects = managed_objects(admin, ACME).into_values();
    let policies = objects.filter(|object| object["apiVersion"].as_str().unwrap().contains("istio.io/"));
    list(policies.map(|policy| {
        changed(policy, |policy| {
            policy["metadata"] = json!({ "name": policy["metadata"]["name"], "namespace": ACME });
        })
    }))
}

/// The policies of the baseline protect a pod, until it weakens its capture.
pub(super) fn is_lost_without_bulkhead(stage: &Stage<'_>, admin: &Kubectl) {
    expect_unchanged_is_refused(stage);
    for weakening in &WEAKENINGS {
        admin.apply(&weakening.object().to_string()).unwrap();
        let pod = stage.run(ACME, weakening.pod);
        for ending in weakening.direction.endings(stage, &pod, weakening.pod) {
            assert_eq!(ending, Arrives, "{}", weakening.words);
        }
    }
}

pub(super) fn is_kept_with_bulkhead(stage: &Stage<'_>, member: &Kubectl) {
    let create = ["create", "-f", "-"];
    let try_create = ["create", "--dry-run=server", "-f", "-"];
    for weakening in &WEAKENINGS {
        refused(member, &create, &weakening.object().to_string(), weakening.violations);
        let unchanged = objects::pod(ACME, weakening.pod, "default").to_string();
        expect_admitted(&member.feed(&try_create, &unchanged).unwrap());
    }
    expect_unchanged_is_refused(stage);
}

/// The calls end at the proxy of the pod `web`, which is the same without a weakening.
fn expect_unchanged_is_refused(stage: &Stage<'_>) {
    let endings = |direction: Direction| direction.endings(stage, stage.pod("web"), "web");
    until(|| [Inbound, Outbound].into_iter().flat_map(endings).all(|ending| ending == Refused));
}

/// The table of the documents: the results that the test asserts.
pub(super) fn table() -> String {
    let header =
        "\n| a pod that | call | unchanged pod | without Bulkhead | with Bulkhead |\n|---|---|---|---|---|\n";
    let rows = WEAKENINGS.iter().map(|Weakening { words, direction, violations, .. }| {
        let call = match direction {
            Inbound => "to it: another tenant, or a pod outside the mesh, plaintext",
            Outbound => "from it: to a pod outside the mesh",
        };
        let mut codes: Vec<&str> = violations.iter().map(|(code, _)| *code).collect();
        codes.dedup();
        format!("| {words} | {call} | refused | arrives | pod refused by {} |\n", codes.join(", "))
    });
    std::iter::once(header.to_owned()).chain(rows).collect()
}

impl Weakening {
    fn object(&self) -> Value {
        changed(objects::pod(ACME, self.pod, "default"), self.weaken)
    }
}

impl Direction {
    fn endings(self, stage: &Stage<'_>, pod: &Pod, name: &str) -> Vec<Ending> {
        let outsider = stage.pod("outsider");
        let request = |to: &Pod| format!("{}:8080", to.address);
        match self {
            Inbound => [stage.pod("another"), outsider]
                .map(|from| {
                    let answer =
                        from.call_around(None, &["http", &request(pod), "GET / HTTP/1.1", "Host: web"]);
                    ending(answer.unwrap(), &format!("{name}.{ACME}"))
                })
                .into(),
            Outbound => {
                let answer = pod.call(&["http", &request(outsider), "GET / HTTP/1.1", "Host: outside"]);
                vec![ending(answer.unwrap(), &format!("outsider.{OUTSIDE}"))]
            }
        }
    }
}
