//! The ambient mesh: the double of ztunnel in front of a captured pod, and waypoints.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Dataplane, ISTIOD_SOCKET, Pod, ROOT, TOKEN, TUNNEL_PORT};
use crate::components;
use crate::process::Process;

/// The node of the pods, whose object endpoints and bindings need.
const NODE_NAME: &str = "one";
/// The port to which plaintext is redirected.
const PLAINTEXT_PORT: &str = "15006";
/// The patches of istiod's configuration without which a plain Envoy refuses it.
const PLAIN_ENVOY: &str = include_str!("plain_envoy.yaml");

/// True if istio-cni has marked the pod as captured by ztunnel.
pub(super) fn is_captured(shown: &Value) -> bool {
    shown["metadata"]["annotations"]["ambient.istio.io/redirection"] == "enabled"
}

impl Dataplane<'_> {
    /// Prepares the cluster for captured pods and waypoints.
    pub fn prepare_ambient(&self) -> Result<()> {
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE_NAME } });
        let admin = self.cluster.admin()?;
        admin.apply(&node.to_string())?;
        let patches: Value = serde_saphyr::from_str(PLAIN_ENVOY)?;
        // A waypoint ignores a filter that does not name its class.
        let class =
            json!({ "group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint" });
        let filters = [("plain-proxies", json!([])), ("plain-waypoints", json!([class]))];
        let filters = filters.map(|(name, targets)| {
            json!({
                "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
                "metadata": { "name": name, "namespace": "istio-system" },
                "spec": { "targetRefs": targets, "configPatches": patches },
            })
        });
        admin.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": filters }).to_string()).map(drop)
    }

    /// Assigns a pod to the node, as the scheduler does.
    pub fn bind(&self, namespace: &str, name: &str) -> Result<()> {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name },
            "target": { "apiVersion": "v1", "kind": "Node", "name": NODE_NAME },
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
        let said =
            self.cluster.admin()?.feed(&["create", "--raw", &path, "-f", "-"], &binding.to_string())?;
        ensure!(said.success, "binding {name}: {}", said.stderr);
        Ok(())
    }

    /// Runs the pod that istiod's Deployment for this Gateway makes, and waits until istiod reports the waypoint as
    /// ready for calls.
    pub fn run_waypoint(&self, namespace: &str, gateway: &str) -> Result<Pod> {
        let admin = self.cluster.admin()?;
        let selector = format!("gateway.networking.k8s.io/gateway-name={gateway}");
        let path = "jsonpath={.items[*].metadata.name}";
        let end = Instant::now() + Duration::from_secs(60);
        let name = loop {
            let names = admin.ok(&["get", "pods", "-n", namespace, "-l", &selector, "-o", path])?;
            if let Some(name) = names.split_whitespace().next() {
                break name.to_owned();
            }
            ensure!(Instant::now() < end, "no pod for the Gateway {namespace}/{gateway}");
            thread::sleep(Duration::from_millis(100));
        };
        self.bind(namespace, &name)?;
        let pod = self.run(namespace, &name)?;
        let gateway = format!("gateways.gateway.networking.k8s.io/{gateway}");
        admin.ok(&["wait", "--for=condition=Programmed", &gateway, "-n", namespace, "--timeout=60s"])?;
        Ok(pod)
    }

    /// Redirects the pod's inbound plaintext, and starts the double with the pod's own account.
    pub(super) fn double(&self, home: &Path, pod: &Pod, shown: &Value) -> Result<Process> {
        let mut redirect = pod.network.command(Path::new("iptables"));
        redirect.args(["-w", "-t", "nat", "-A", "PREROUTING", "-p", "tcp"]);
        redirect.args([
            "!",
            "--dport",
            &TUNNEL_PORT.to_string(),
            "-j",
            "REDIRECT",
            "--to-ports",
            PLAINTEXT_PORT,
        ]);
        let output = redirect.output()?;
        ensure!(output.status.success(), "iptables: {}", String::from_utf8_lossy(&output.stderr));
        let of = |pointer: &str| shown.pointer(pointer).and_then(Value::as_str).context("a captured pod");
        let (name, namespace) = (of("/metadata/name")?, of("/metadata/namespace")?);
        self.write_credentials(home, namespace, name, of("/spec/serviceAccountName")?)?;
        // As the proxy of a node, it reaches istiod past the pod's network policies.
        let mut command = pod.network.command(&components::double()?);
        command
            .arg("serve")
            .arg(format!("unix://{}", self.folder.join(ISTIOD_SOCKET).display()))
            .args([home.join(ROOT), home.join(TOKEN)])
            .args([format!("{name}.{namespace}"), pod.address.to_string()])
            .arg(&pod.certificate);
        let mut double = Process::start("double", home, &mut command)?;
        double.wait_for(Duration::from_secs(60), |double| {
            double.stdout().contains("listening").then_some(())
        })?;
        Ok(double)
    }
}
