//! Defence in depth: with Bulkhead stopped, an administrator removes each layer of a tenant's baseline alone, and each
//! layer of the mesh together with the network policies. The table shows what still stops calls from other tenants.

use bulkhead_harness::dataplane::Pod;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::Server;
use serde_json::{Value, json};
use support::objects::changed;

use Ending::{Arrives, Dropped, Refused};
use Layer::{Capture, Deny, NetworkPolicies, Strict};

use crate::calls::{ending, settled};

use super::objects::{self, ACME, BETA};
use super::rows::Ending;
use super::stage::Stage;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    NetworkPolicies,
    Strict,
    Deny,
    Capture,
}

struct Call {
    words: &'static str,
    from: &'static str,
    /// True with the caller's own certificate, false in plaintext.
    is_mtls: bool,
    request: Request,
}

#[derive(Clone, Copy)]
enum Request {
    Http,
    Tcp,
}

/// The removed layers, and the result of each call without them.
struct Removal {
    layers: &'static [Layer],
    endings: [Ending; CALLS.len()],
}

/// Calls of the tenant's pod, around the caller's own proxy.
const CALLS: [Call; 4] = [
    Call {
        words: "HTTP, another tenant's certificate",
        from: "another",
        is_mtls: true,
        request: Request::Http,
    },
    Call {
        words: "TCP, another tenant's certificate",
        from: "another",
        is_mtls: true,
        request: Request::Tcp,
    },
    Call {
        words: "HTTP, another tenant, plaintext",
        from: "another",
        is_mtls: false,
        request: Request::Http,
    },
    Call {
        words: "HTTP, outside the mesh, plaintext",
        from: "outsider",
        is_mtls: false,
        request: Request::Http,
    },
];

const REMOVALS: &[Removal] = &[
    Removal { layers: &[], endings: [Dropped, Dropped, Dropped, Dropped] },
    Removal { layers: &[NetworkPolicies], endings: [Refused, Refused, Refused, Refused] },
    Removal { layers: &[Strict], endings: [Dropped, Dropped, Dropped, Dropped] },
    Removal { layers: &[Deny], endings: [Dropped, Dropped, Dropped, Dropped] },
    Removal { layers: &[Capture], endings: [Dropped, Dropped, Dropped, Dropped] },
    Removal { layers: &[NetworkPolicies, Strict], endings: [Refused, Refused, Refused, Refused] },
    Removal { layers: &[NetworkPolicies, Deny], endings: [Arrives, Arrives, Refused, Refused] },
    Removal { layers: &[NetworkPolicies, Capture], endings: [Arrives, Arrives, Arrives, Arrives] },
];

/// The pod without the capture of its traffic, and the one with it.
const BARE: &str = "unguarded";
const WEB: &str = "web";

/// Ends Bulkhead, so that nothing repairs and nothing refuses. The results are those of [`REMOVALS`].
pub(super) fn are_each_enough(
    stage: &Stage<'_>,
    admin: &Kubectl,
    controller: &mut Process,
    replicas: &mut [Server],
) {
    stop(admin, controller, replicas);
    let bare = changed(objects::pod(ACME, BARE, "default"), |pod| {
        pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    admin.apply(&bare.to_string()).unwrap();
    let bare = stage.run(ACME, BARE);
    stage.enforce_network_policies(true);
    for Removal { layers, endings } in REMOVALS {
        let removed: Vec<Value> = layers.iter().flat_map(|layer| layer.remove(admin)).collect();
        let is_bare = layers.contains(&Capture);
        let (name, pod) = if is_bare { (BARE, &bare) } else { (WEB, stage.pod(WEB)) };
        let calls: Vec<(&Call, &Ending)> = CALLS.iter().zip(endings).collect();
        let found = settled(&calls, |(_, ending)| *ending, |(call, _)| call.ending(stage, pod, name));
        assert!(found.iter().eq(endings), "without {layers:?}: {found:?}");
        for object in removed {
            admin.apply(&object.to_string()).unwrap();
        }
    }
}

pub(super) fn table() -> String {
    let row = |first: &str, cells: [&str; CALLS.len()]| format!("| {first} | {} |\n", cells.join(" | "));
    let head = row("removed", CALLS.each_ref().map(|call| call.words));
    let rule = row("---", ["---"; CALLS.len()]);
    let rows = REMOVALS.iter().map(|Removal { layers, endings }| {
        let words: Vec<&str> = layers.iter().map(|layer| layer.words()).collect();
        let words = if words.is_empty() { "nothing".to_owned() } else { words.join(" and ") };
        row(&words, endings.each_ref().map(Ending::words))
    });
    ["\n".to_owned(), head, rule].into_iter().chain(rows).collect()
}

fn stop(admin: &Kubectl, controller: &mut Process, replicas: &mut [Server]) {
    controller.kill().unwrap();
    for replica in replicas {
        replica.process.kill().unwrap();
    }
    let configurations = "validatingwebhookconfiguration,mutatingwebhookconfiguration";
    admin.ok(&["delete", configurations, "tenant-bulkhead"]).unwrap();
}

impl Layer {
    fn words(self) -> &'static str {
        match self {
            NetworkPolicies => "the network policies",
            Strict => "mTLS `STRICT`",
            Deny => "the AuthorizationPolicies",
            Capture => "the capture by a sidecar",
        }
    }

    /// Deletes the layer's objects, and returns them as they were written.
    fn remove(self, admin: &Kubectl) -> Vec<Value> {
        let (kind, namespaces): (&str, &[&str]) = match self {
            NetworkPolicies => ("networkpolicies", &[ACME, BETA]),
            Strict => ("peerauthentications.security.istio.io", &[ACME]),
            Deny => ("authorizationpolicies.security.istio.io", &[ACME]),
            Capture => return Vec::new(),
        };
        let mut removed = Vec::new();
        for namespace in namespaces {
            let found = admin.ok(&["get", kind, "-n", namespace, "-o", "json"]).unwrap();
            admin.ok(&["delete", kind, "--all", "-n", namespace]).unwrap();
            let found: Value = serde_json::from_str(&found).unwrap();
            removed.extend(found["items"].as_array().unwrap().iter().cloned().map(|object| {
                changed(object, |object| {
                    let name = object["metadata"]["name"].clone();
                    object["metadata"] = json!({ "name": name, "namespace": namespace });
                })
            }));
        }
        removed
    }
}

impl Call {
    fn ending(&self, stage: &Stage<'_>, to: &Pod, name: &str) -> Ending {
        let from = stage.pod(self.from);
        let certificate = self.is_mtls.then_some(from.certificate.as_path());
        let [http, tcp] = [8080, 9090].map(|port| format!("{}:{port}", to.address));
        let host = format!("Host: {}", objects::host(WEB, ACME));
        let request: &[&str] = match self.request {
            Request::Http => &["http", &http, "GET / HTTP/1.1", &host],
            Request::Tcp => &["tcp", &tcp],
        };
        // A pod without a proxy speaks no TLS.
        let certificate = certificate.filter(|_| name != BARE);
        ending(from.call_around(certificate, request).unwrap(), &format!("{name}.{ACME}"))
    }
}
