//! Compares one of the mesh's own containers with the reference, and with Istio's injection template where a pod's
//! annotations may change it. The comparison is an allow-list: a field that neither writes is refused.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::arguments::{ArgumentMismatch, Arguments};
use super::comparison::{Comparison, Expected, Role};
use super::volumes::Mount;
use super::{
    AUTO_IMAGE, INIT_CONTAINER, MESH_PORTS, PROXY_CONTAINER, environment, is_istio_agent_command,
    is_mesh_image,
};
use crate::policy::object::{ContainerAt, ContainerKind, JsonStr, nullable};
use crate::policy::{RuleReport, quote};
use crate::snapshot::{InjectedField, InjectedObject};

/// Every field that the template writes, or that the API server sets by itself.
const FIELDS: &[&str] = &[
    "args",
    "env",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "securityContext",
    "startupProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    MOUNTS,
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Port<'a> {
    #[serde(rename = "containerPort")]
    number: u16,
    #[serde(rename = "name", default)]
    _name: IgnoredAny,
    #[serde(borrow, default)]
    protocol: Option<JsonStr<'a>>,
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
    path: JsonStr<'a>,
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
    #[serde(default)]
    sleep: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exec<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    command: Vec<JsonStr<'a>>,
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
    add: Vec<JsonStr<'a>>,
    #[serde(rename = "drop", default)]
    _drop: IgnoredAny,
}

/// A seccomp profile that needs no file. A profile from the node's disk could answer system calls itself, and
/// `istio-init` would then believe that it has redirected the traffic.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeccompProfile<'a> {
    #[serde(borrow, rename = "type")]
    kind: JsonStr<'a>,
}

const MOUNTS: &str = "volumeMounts";

/// More mounts than an injected container has.
const MAX_MOUNTS: usize = 64;

/// Room for the arguments of `istio-init`.
const MAX_ARGUMENTS: usize = 24;

/// Compares a container with the container that Istio injects under the name `name`, and reports the differences.
pub fn compare<'o>(
    container: ContainerAt<'o, '_>,
    name: &'static str,
    arguments: &'static Arguments,
    expected: Expected<'o>,
    report: &'o mut RuleReport,
) {
    let Expected { settings, reference, exact, role, is_authored } = expected;
    let reference = reference.and_then(|reference| reference.container(name));
    let variables = reference.and_then(|reference| reference.field("env"));
    // The reference is that of a sidecar, of which a waypoint has the environment alone.
    let reference = reference.filter(|_| role != Role::Waypoint);
    let mut comparison =
        Comparison { container, name, settings, reference, variables, exact, role, is_authored, report };
    let has_other_fields = !comparison.has_injected_fields();
    if has_other_fields {
        comparison.image();
        comparison.fields();
        comparison.arguments(arguments);
    }
    environment::compare(&mut comparison);
    comparison.mounts();
    if has_other_fields {
        comparison.ports();
        comparison.hooks();
        comparison.probe("startupProbe");
        comparison.probe("readinessProbe");
        comparison.restart_policy();
        comparison.message_path();
        comparison.security_context();
    }
}

impl<'o> Comparison<'o, '_> {
    fn is_proxy(&self) -> bool {
        self.name == PROXY_CONTAINER
    }

    /// True if the injector has yet to add what the container lacks.
    fn is_completed_later(&self) -> bool {
        self.is_authored && self.role != Role::Waypoint
    }

    /// True if the container has the fields of the reference, in its bytes, apart from the environment and the mounts. That
    /// is so for most pods, and no other check can then find anything.
    fn has_injected_fields(&self) -> bool {
        let Some(reference) = self.reference else { return false };
        let written = self.container.get().mesh_fields.iter().filter(|(field, _)| **field != *MOUNTS);
        let mut injected = 0;
        let is_same =
            reference.fields().filter(|(field, _)| !["env", MOUNTS].contains(field)).all(|(field, known)| {
                injected += 1;
                self.field(field).is_some_and(|raw| known.is_written_as(raw))
            });
        is_same && written.count() == injected
    }

    fn fields(&mut self) {
        let fields: &'o [_] = &self.container.get().mesh_fields;
        // The other fields of the table have a check of their own.
        let is_known = |field: &str| FIELDS.contains(&field) || self.is_as_injected(field);
        let unknown: Vec<&str> =
            fields.iter().map(|(field, _)| &**field).filter(|field| !is_known(field)).collect();
        for field in unknown {
            let message =
                format!("Istio does not set this field of `{}`, or sets it to another value", self.name);
            self.report_at(&self.container.field_path(&[field]), message);
        }
        let missing =
            self.reference.into_iter().flat_map(InjectedObject::fields).map(|(field, _)| field).find(
                |field| !FIELDS.contains(field) && fields.iter().all(|(written, _)| **written != **field),
            );
        if let Some(field) = missing.filter(|_| self.exact) {
            self.report_at(
                &self.container.path(),
                format!("Istio sets the field `{field}` of `{}`", self.name),
            );
        }
    }

    fn image(&mut self) {
        if self.is_as_injected("image") {
            return;
        }
        let image = self.container.image.as_deref().unwrap_or_default();
        if self.is_completed_later() && image == AUTO_IMAGE {
            return;
        }
        if !is_mesh_image(image, self.settings) {
            let from = "is not from a repository that the settings list as `mesh.proxyImages`";
            self.report(&["image"], None, format!("{} {from}", quote(image)));
        } else if self.exact {
            let injected = self.reference.and_then(|known| known.text("image")).unwrap_or_default();
            // An annotation selects this variant, which has less in it.
            if image.strip_suffix("-distroless") == Some(&injected) {
                return;
            }
            let message =
                format!("{} is not the image that Istio injects, {}", quote(image), quote(&injected));
            self.report(&["image"], None, message);
        }
    }

    fn arguments(&mut self, arguments: &Arguments) {
        if self.is_as_injected("args") || (self.is_completed_later() && self.field("args").is_none()) {
            return;
        }
        let mut written = Vec::new();
        self.each("args", |_, _, argument: JsonStr<'_>| {
            if written.is_empty() {
                written.reserve(MAX_ARGUMENTS);
            }
            written.push(argument);
        });
        let reference = self.reference_field("args").filter(|_| self.exact);
        let injected;
        let mismatch = match reference {
            Some(reference) => {
                let elements = reference.elements.iter();
                let known = elements.filter_map(|element| serde_json::from_str(element.raw.get()).ok());
                injected = known.collect::<Vec<JsonStr<'_>>>();
                arguments.first_difference(&written, &injected, self.settings.proxy_user)
            }
            None => arguments.first_mismatch(&written, self.settings.proxy_user),
        };
        match mismatch {
            None => {}
            Some(ArgumentMismatch::Unexpected(index)) => {
                let argument = written.get(index).map_or("", |argument| argument);
                self.report(&["args"], Some(index), format!("Istio does not write {} here", quote(argument)));
            }
            Some(ArgumentMismatch::Missing(flag)) => {
                self.report(&["args"], None, format!("Istio writes `{flag}` for `{}`", self.name));
            }
        }
    }

    fn mounts(&mut self) {
        let reference = self.reference_field(MOUNTS);
        let mut injected = 0;
        self.each(MOUNTS, |container, index, raw: &RawValue| {
            if reference.is_some_and(|known| known.elements.iter().any(|mount| mount.is_written_as(raw))) {
                injected += 1;
                return;
            }
            let mount = match serde_json::from_str::<Mount<'_>>(raw.get()) {
                Ok(mount) => mount,
                Err(error) => return container.report_form(&[MOUNTS], index, &error),
            };
            // A hostile list is not compared to its end.
            let is_as_known = |known: &InjectedField| known.named(&mount.name).any(|known| known.is(raw));
            if index < MAX_MOUNTS && reference.is_some_and(is_as_known) {
                injected += 1;
                return;
            }
            let is_injected = !container.exact && mount.is_injected(container.is_proxy());
            if !is_injected && !mount.is_service_account() {
                let (volume, path) = (quote(&mount.name), quote(&mount.path));
                let message = format!("Istio mounts no volume {volume} at {path} in `{}`", container.name);
                container.report(&[MOUNTS], Some(index), message);
            }
        });
        if self.exact && reference.is_some_and(|known| known.elements.len() > injected) {
            self.report(&[MOUNTS], None, format!("Istio mounts more volumes in `{}`", self.name));
        }
    }

    fn ports(&mut self) {
        if self.is_as_injected("ports") {
            return;
        }
        self.each("ports", |container, index, port: Port<'_>| {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let is_expected = match container.role {
                Role::Sidecar | Role::Waypoint => protocol == "TCP" && MESH_PORTS.contains(&port.number),
                // Gateways of the tenant open them.
                Role::Gateway => ["TCP", "UDP"].contains(&protocol),
            };
            if !container.is_proxy() || !is_expected {
                let message = format!("Istio declares no port {} for `{}`", port.number, container.name);
                container.report(&["ports"], Some(index), message);
            }
        });
    }

    fn hooks(&mut self) {
        if self.is_as_injected("lifecycle") {
            return;
        }
        let Ok(Some(lifecycle)) = self.read::<Lifecycle<'_>>("lifecycle") else { return };
        for (hook, handler) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
            if self.exact && self.role == Role::Sidecar && handler.sleep.is_some() {
                self.report_hook(hook, "sleep", format!("Istio does not delay `{}`", self.name));
            }
            let Some(exec) = &handler.exec else { continue };
            if !self.is_proxy() || !is_istio_agent_command(&exec.command) {
                let program = quote(exec.command.first().map_or("", |word| word));
                let message = format!("Istio does not run {program} in `{}`", self.name);
                self.report_hook(hook, "exec", message);
            }
        }
    }

    fn probe(&mut self, field: &'static str) {
        if self.is_as_injected(field) {
            return;
        }
        let Ok(Some(probe)) = self.read::<Probe<'_>>(field) else { return };
        let HttpGet { path, port, .. } = &probe.http_get;
        if !self.is_proxy() || **path != *"/healthz/ready" || *port != 15021 {
            self.report(
                &[field, "httpGet"],
                None,
                "Istio probes its proxy at port 15021, path `/healthz/ready`",
            );
        }
    }

    fn restart_policy(&mut self) {
        if self.is_as_injected("restartPolicy") {
            return;
        }
        let expected = (self.is_proxy() && self.container.kind == ContainerKind::Init).then_some("Always");
        let Ok(written) = self.read::<JsonStr<'_>>("restartPolicy") else { return };
        if written.as_deref() != expected {
            let written = quote(written.as_deref().unwrap_or_default());
            let message = format!("Istio does not run `{}` with {written} here", self.name);
            self.report(&["restartPolicy"], None, message);
        }
    }

    fn message_path(&mut self) {
        if self.is_as_injected("terminationMessagePath") {
            return;
        }
        let Ok(Some(path)) = self.read::<JsonStr<'_>>("terminationMessagePath") else { return };
        if *path != *"/dev/termination-log" {
            let message = format!("Istio does not set this field of `{}`", self.name);
            self.report(&["terminationMessagePath"], None, message);
        }
    }

    fn security_context(&mut self) {
        if self.is_as_injected("securityContext") {
            return;
        }
        // The chart of gateways writes one of its own.
        let is_gateway = self.role == Role::Gateway;
        if self.exact && !is_gateway {
            let message = format!("Istio runs `{}` with another security context", self.name);
            return self.report(&["securityContext"], None, message);
        }
        let Ok(security_context) = self.read::<SecurityContext<'_>>("securityContext") else { return };
        let security_context = security_context.unwrap_or_default();
        let is_init = self.name == INIT_CONTAINER;
        let user = if is_init { 0 } else { self.settings.proxy_user };
        // Without `runAsUser` the image's user applies, which is the proxy's. In that case `istio-init` redirects
        // nothing and fails, and the pod does not start.
        let is_expected_user = match (self.role, security_context.run_as_user) {
            // Nothing is redirected in the pod, so that its user has no right of its own. On OpenShift it is another one.
            (Role::Waypoint, written) => written != Some(0) && security_context.run_as_group != Some(0),
            (_, written) => {
                written.map_or(is_gateway || !self.is_proxy(), |written| written == user)
                    && security_context.run_as_group.is_none_or(|written| written == user)
            }
        };
        let allowed: &[&str] = match self.role {
            Role::Gateway => &["NET_BIND_SERVICE"],
            Role::Sidecar if is_init => &["NET_ADMIN", "NET_RAW"],
            Role::Sidecar | Role::Waypoint => &[],
        };
        let has_extra_privileges = security_context.privileged == Some(true)
            || security_context.allow_privilege_escalation == Some(true)
            || security_context.capabilities.add.iter().any(|capability| !allowed.contains(&&**capability));
        let profile = security_context.seccomp_profile.as_ref().map(|profile| &*profile.kind);
        if !is_expected_user
            || has_extra_privileges
            || !matches!(profile, None | Some("RuntimeDefault" | "Unconfined"))
        {
            let message =
                format!("Istio runs `{}` as user {user}, with no more rights than it needs", self.name);
            self.report(&["securityContext"], None, message);
        }
    }
}
