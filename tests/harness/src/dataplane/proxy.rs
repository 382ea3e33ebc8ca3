//! Starts the containers that were injected into a pod, as a kubelet would.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::{DISCOVERY, Dataplane, NODE, PROXY, Pod, ROOT, TOKEN};
use crate::process::Process;

impl Dataplane<'_> {
    /// Starts the proxy if the pod has one, and redirects the pod's traffic if `istio-init` was injected too.
    pub(super) fn proxy(&self, home: &Path, pod: &Pod, shown: &Value) -> Result<Option<Process>> {
        let Some(container) = container(shown, "istio-proxy") else { return Ok(None) };
        if let Some(init) = container_of(shown, "initContainers", "istio-init") {
            let mut redirect = pod.network.command(&pod.agent);
            redirect.arg("pilot-agent").args(strings(&init["args"])).args(["-g", PROXY]);
            redirect.envs(variables(init));
            let output = redirect.output()?;
            if !output.status.success() {
                bail!("istio-iptables: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        let of = |pointer: &str| shown.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (name, namespace) = (of("/metadata/name"), of("/metadata/namespace"));
        let account = of("/spec/serviceAccountName");
        self.mount(home, namespace, name, account)?;
        let annotations = shown["metadata"]["annotations"].as_object().into_iter().flatten();
        // In the form of the downward API.
        let annotations: String = annotations.map(|(key, value)| format!("{key}={value}\n")).collect();
        fs::write(home.join("etc/istio/pod/annotations"), annotations)?;

        let config = json!({
            "discoveryAddress": format!("{DISCOVERY}:15012"), "concurrency": 1,
            "binaryPath": self.folder.join("envoy"),
        });
        let arguments = strings(&container["args"]);
        // Envoy outlives an agent that is killed. In its own PID namespace both end together.
        let mut command = pod.network.command(Path::new("unshare"));
        command
            .args(["--pid", "--fork", "--kill-child", "sh", "-c", "setpriv \"$@\"; exit $?", "sh"])
            .args(["--reuid", PROXY, "--regid", PROXY, "--clear-groups"])
            .arg(&pod.agent)
            .arg("pilot-agent")
            .args(arguments.map(|argument| argument.replace("$(POD_NAMESPACE)", namespace)))
            .args(["--templateFile", &self.template.display().to_string()])
            .envs(variables(container))
            .envs([
                ("POD_NAME", name),
                ("POD_NAMESPACE", namespace),
                ("SERVICE_ACCOUNT", account),
                ("INSTANCE_IP", &pod.address.to_string()),
                ("HOST_IP", NODE),
                ("PROXY_CONFIG", &config.to_string()),
            ])
            .env("OUTPUT_CERTS", &pod.certificate)
            .env("ISTIO_METAJSON_LABELS", shown["metadata"]["labels"].to_string())
            .current_dir(home);
        Ok(Some(Process::start("proxy", home, &mut command)?))
    }

    /// Writes the pod's token for istiod, and the mesh's root certificate.
    pub(super) fn write_credentials(
        &self,
        home: &Path,
        namespace: &str,
        name: &str,
        account: &str,
    ) -> Result<()> {
        let token = ["create", "token", account, "-n", namespace, "--audience=istio-ca"];
        let bound = ["--bound-object-kind=Pod", "--bound-object-name", name];
        let token = self.node.ok(&[&token[..], &bound].concat())?;
        fs::write(home.join(TOKEN), token.trim())?;
        let root = ["get", "configmap", "istio-ca-root-cert", "-n", namespace];
        let root = [&root[..], &["-o", "jsonpath={.data.root-cert\\.pem}"]].concat();
        Ok(fs::write(home.join(ROOT), self.cluster.admin()?.ok(&root)?)?)
    }

    /// Writes the files that a kubelet would mount.
    fn mount(&self, home: &Path, namespace: &str, name: &str, account: &str) -> Result<()> {
        self.write_credentials(home, namespace, name, account)?;
        // Envoy opens its stdout again, by name, for the access log.
        fs::write(home.join("proxy.out"), "")?;
        let owned = Command::new("chown").args(["-R", &format!("{PROXY}:{PROXY}")]).arg(home).status()?;
        ensure!(owned.success(), "chown");
        Ok(())
    }
}

/// The container of this name, from either list: a proxy may be an init container that keeps running.
fn container<'v>(shown: &'v Value, name: &str) -> Option<&'v Value> {
    ["initContainers", "containers"].into_iter().find_map(|list| container_of(shown, list, name))
}

fn container_of<'v>(shown: &'v Value, list: &str, name: &str) -> Option<&'v Value> {
    shown["spec"][list].as_array()?.iter().find(|container| container["name"] == name)
}

/// The environment variables of a container that have a literal value.
fn variables(container: &Value) -> impl Iterator<Item = (&str, &str)> {
    let variables = container["env"].as_array().into_iter().flatten();
    variables.filter_map(|variable| Some((variable["name"].as_str()?, variable["value"].as_str()?)))
}

pub(super) fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
