//! One of the mesh's own containers, as a closed shape: a field that Istio's injector does not write is refused,
//! whatever the pod's annotations say about how it came to be there.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::environment::{self, EnvVar};
use super::{
    Arguments, MESH_PORTS, Mismatch, PROXY_NAME, arguments, is_mesh_image, is_mesh_program, volumes,
};
use crate::policy::object::Text;
use crate::policy::object::nullable;
use crate::policy::quote;
use crate::settings::Settings;

/// Which of the mesh's containers is expected, and where in the pod it was found.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'s> {
    pub name: &'static str,
    pub arguments: &'static Arguments,
    pub is_init_container: bool,
    pub settings: &'s Settings,
}

/// Every field of a container that Istio's injection template can write. The fields that are always absent are
/// listed too, so that a refusal names them; any other field makes the container unreadable, and so refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MeshContainer<'a> {
    #[serde(rename = "name")]
    _name: IgnoredAny,
    #[serde(borrow, default)]
    image: Option<Text<'a>>,
    #[serde(rename = "imagePullPolicy", default)]
    _image_pull_policy: IgnoredAny,
    #[serde(borrow, default, deserialize_with = "nullable")]
    args: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    env: Vec<EnvVar<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    ports: Vec<Port<'a>>,
    #[serde(rename = "resources", default)]
    _resources: IgnoredAny,
    #[serde(rename = "resizePolicy", default)]
    _resize_policy: IgnoredAny,
    #[serde(borrow, default)]
    restart_policy: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    volume_mounts: Vec<volumes::Mount<'a>>,
    #[serde(borrow, default)]
    startup_probe: Option<Probe<'a>>,
    #[serde(borrow, default)]
    readiness_probe: Option<Probe<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    lifecycle: Lifecycle<'a>,
    #[serde(borrow, default)]
    termination_message_path: Option<Text<'a>>,
    #[serde(rename = "terminationMessagePolicy", default)]
    _termination_message_policy: IgnoredAny,
    #[serde(borrow, default, deserialize_with = "nullable")]
    security_context: SecurityContext<'a>,

    #[serde(default)]
    command: Option<IgnoredAny>,
    #[serde(default)]
    working_dir: Option<IgnoredAny>,
    #[serde(default)]
    env_from: Option<IgnoredAny>,
    #[serde(default)]
    liveness_probe: Option<IgnoredAny>,
    #[serde(default)]
    restart_policy_rules: Option<IgnoredAny>,
    #[serde(default)]
    volume_devices: Option<IgnoredAny>,
    #[serde(default)]
    stdin: Option<IgnoredAny>,
    #[serde(default)]
    stdin_once: Option<IgnoredAny>,
    #[serde(default)]
    tty: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Port<'a> {
    #[serde(rename = "containerPort")]
    number: u16,
    #[serde(rename = "name", default)]
    _name: IgnoredAny,
    #[serde(borrow, default)]
    protocol: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Probe<'a> {
    #[serde(borrow)]
    http_get: HttpGet<'a>,
    #[serde(rename = "initialDelaySeconds", default)]
    _initial_delay_seconds: IgnoredAny,
    #[serde(rename = "timeoutSeconds", default)]
    _timeout_seconds: IgnoredAny,
    #[serde(rename = "periodSeconds", default)]
    _period_seconds: IgnoredAny,
    #[serde(rename = "successThreshold", default)]
    _success_threshold: IgnoredAny,
    #[serde(rename = "failureThreshold", default)]
    _failure_threshold: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpGet<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    port: u16,
    #[serde(rename = "scheme", default)]
    _scheme: IgnoredAny,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Lifecycle<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    post_start: Handler<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pre_stop: Handler<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handler<'a> {
    #[serde(borrow, default)]
    exec: Option<Exec<'a>>,
    #[serde(rename = "sleep", default)]
    _sleep: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exec<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    command: Vec<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecurityContext<'a> {
    #[serde(default)]
    allow_privilege_escalation: Option<bool>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    capabilities: Capabilities<'a>,
    #[serde(default)]
    privileged: Option<bool>,
    #[serde(rename = "readOnlyRootFilesystem", default)]
    _read_only_root_filesystem: IgnoredAny,
    #[serde(default)]
    run_as_group: Option<i64>,
    #[serde(rename = "runAsNonRoot", default)]
    _run_as_non_root: IgnoredAny,
    #[serde(default)]
    run_as_user: Option<i64>,
    #[serde(borrow, default)]
    seccomp_profile: Option<SeccompProfile<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Capabilities<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    add: Vec<Text<'a>>,
    #[serde(rename = "drop", default)]
    _drop: IgnoredAny,
}

/// A profile from the node's disk could answer the kernel's calls in its stead, and let `istio-init` believe that
/// it has redirected the traffic.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeccompProfile<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

/// Compares a container with what Istio injects under its name; reports every difference.
pub fn compare<'a>(raw: &'a RawValue, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
    match serde_json::from_str::<MeshContainer<'a>>(raw.get()) {
        Ok(container) => container.compare(expected, report),
        Err(error) => {
            report(Mismatch::of_container(format!("it has a field that Istio does not write: {error}")));
        }
    }
}

impl MeshContainer<'_> {
    fn compare(&self, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
        let Expected { name, settings, .. } = expected;
        let image = self.image.as_deref().unwrap_or_default();
        if !is_mesh_image(image, settings) {
            let message = format!(
                "{} is not from a repository that the settings list as `mesh.proxyImages`",
                quote(image)
            );
            report(Mismatch::at(&["image"], message));
        }
        self.compare_arguments(expected, report);
        for (path, _) in self.always_absent().into_iter().filter(|(_, is_written)| *is_written) {
            report(Mismatch::at(path, format!("Istio does not set this field of `{name}`")));
        }
        environment::compare(&self.env, expected, report);
        self.compare_mounts(expected, report);
        self.compare_ports(expected, report);
        self.compare_programs(expected, report);
        let restart_policy = (name == PROXY_NAME && expected.is_init_container).then_some("Always");
        if self.restart_policy.as_deref() != restart_policy {
            let written = quote(self.restart_policy.as_deref().unwrap_or_default());
            report(Mismatch::at(
                &["restartPolicy"],
                format!("Istio does not run `{name}` with {written} here"),
            ));
        }
        if self.termination_message_path.as_deref().is_some_and(|path| path != "/dev/termination-log") {
            report(Mismatch::at(&["terminationMessagePath"], format!("Istio leaves it unset for `{name}`")));
        }
        self.compare_rights(expected, report);
    }

    fn compare_arguments(&self, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
        let name = expected.name;
        match expected.arguments.strange(&self.args, expected.settings.proxy_user) {
            None => {}
            Some(arguments::Strange::At(index)) => {
                let argument = self.args.get(index).map_or("", |argument| argument);
                let message = format!("Istio does not write {} here", quote(argument));
                report(Mismatch::in_list(&["args"], index, message));
            }
            Some(arguments::Strange::Missing(flag)) => {
                report(Mismatch::at(&["args"], format!("Istio writes `{flag}` for `{name}`")));
            }
        }
    }

    fn always_absent(&self) -> [(&'static [&'static str], bool); 9] {
        [
            (&["command"], self.command.is_some()),
            (&["workingDir"], self.working_dir.is_some()),
            (&["envFrom"], self.env_from.is_some()),
            (&["livenessProbe"], self.liveness_probe.is_some()),
            (&["restartPolicyRules"], self.restart_policy_rules.is_some()),
            (&["volumeDevices"], self.volume_devices.is_some()),
            (&["stdin"], self.stdin.is_some()),
            (&["stdinOnce"], self.stdin_once.is_some()),
            (&["tty"], self.tty.is_some()),
        ]
    }

    fn compare_mounts(&self, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
        for (index, mount) in self.volume_mounts.iter().enumerate() {
            if !mount.is_injected(expected.name == PROXY_NAME) {
                let message = format!(
                    "Istio mounts no volume {} at {} in `{}`",
                    quote(&mount.name),
                    quote(&mount.path),
                    expected.name
                );
                report(Mismatch::in_list(&["volumeMounts"], index, message));
            }
        }
    }

    fn compare_ports(&self, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
        for (index, port) in self.ports.iter().enumerate() {
            let is_tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
            if expected.name != PROXY_NAME || !is_tcp || !MESH_PORTS.contains(&port.number) {
                let message = format!("Istio declares no port {} for `{}`", port.number, expected.name);
                report(Mismatch::in_list(&["ports"], index, message));
            }
        }
    }

    fn compare_programs(&self, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
        let is_proxy = expected.name == PROXY_NAME;
        let hooks: [(&[_], _); 2] = [
            (&["lifecycle", "postStart", "exec"], &self.lifecycle.post_start),
            (&["lifecycle", "preStop", "exec"], &self.lifecycle.pre_stop),
        ];
        for (path, handler) in hooks {
            let Some(exec) = &handler.exec else { continue };
            if !is_proxy || !is_mesh_program(&exec.command) {
                let program = quote(exec.command.first().map_or("", |word| word));
                let message = format!("Istio does not run {program} in `{}`", expected.name);
                report(Mismatch::at(path, message));
            }
        }
        let probes: [(&[_], _); 2] = [
            (&["startupProbe", "httpGet"], &self.startup_probe),
            (&["readinessProbe", "httpGet"], &self.readiness_probe),
        ];
        for (path, probe) in probes {
            let Some(probe) = probe else { continue };
            if !is_proxy || *probe.http_get.path != *"/healthz/ready" || probe.http_get.port != 15021 {
                let message =
                    format!("Istio probes `{}` at port 15021, path `/healthz/ready`", expected.name);
                report(Mismatch::at(path, message));
            }
        }
    }

    fn compare_rights(&self, expected: Expected<'_>, report: &mut dyn FnMut(Mismatch)) {
        let Expected { name, settings, .. } = expected;
        let rights = &self.security_context;
        let redirects = name == super::CAPTURE_NAME;
        let user = if redirects { 0 } else { settings.proxy_user };
        // Without a user of its own the image's counts, which is the proxy's: then nothing is redirected, and the
        // pod does not start.
        let is_user = rights.run_as_user.map_or(name != PROXY_NAME, |written| written == user)
            && rights.run_as_group.is_none_or(|written| written == user);
        let allowed: &[&str] = if redirects { &["NET_ADMIN", "NET_RAW"] } else { &[] };
        let is_more = rights.privileged == Some(true)
            || rights.allow_privilege_escalation == Some(true)
            || rights.capabilities.add.iter().any(|capability| !allowed.contains(&&**capability));
        let is_profile = rights
            .seccomp_profile
            .as_ref()
            .is_none_or(|profile| ["RuntimeDefault", "Unconfined"].contains(&&*profile.kind));
        if !is_user || is_more || !is_profile {
            let message = format!("Istio runs `{name}` as user {user}, with no more rights than it needs");
            report(Mismatch::at(&["securityContext"], message));
        }
    }
}
