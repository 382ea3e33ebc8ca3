//! # BH304 `counterfeit-proxy`
//!
//! ## What it refuses
//! Refuses Istio containers that differ from those Istio injects.
//!
//! In a pod there must be exactly one container `istio-proxy`, from an image repository of the mesh
//! (`mesh.proxyImages` in the settings), with the injector's arguments and nothing else that runs in it,
//! as the proxy's user and without more rights; and exactly one init container `istio-init` (or, where the
//! settings say `mesh.istioCni`, `istio-validation`) that redirects all traffic and lets out only the
//! proxy's. Before injection, in a template, neither these containers nor the annotations may be there with
//! which a tenant's own fields survive it (`proxy.istio.io/overrides`, `sidecar.istio.io/status`).
//!
//! ## Why
//! The injector keeps what a tenant declares in a container of the proxy's name. A shell that is merely
//! called `istio-proxy` looks like a mesh pod to every check that only asks for the name.
//!
//! ## What to write instead
//! Do not declare the containers and annotations of Istio: Istio injects them into the pod.
//!
//! ## How to get it allowed
//! The platform lists the repositories of the mesh's images in the setting `mesh.proxyImages`. For one workload, ask the
//! platform for an Exemption of BH304.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: dressed-up, namespace: tenant-acme }
//! spec: # BH304
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!     - name: istio-proxy
//!       image: registry.example.com/shell:1 # BH304
//!       command: [sleep, infinity] # BH304
//!       args: [] # BH304
//!       securityContext: { runAsUser: 0 } # BH304
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: overridden
//!   namespace: tenant-acme
//!   annotations:
//!     proxy.istio.io/overrides: '{"containers":[]}' # BH304
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args:
//!         - istio-iptables
//!         - -u
//!         - "1337,10001" # BH304
//!     - name: istio-init # BH304
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables]
//!     - name: istio-validation # BH304
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: OnFailure # BH304
//!       lifecycle:
//!         preStop:
//!           exec: # BH304
//!             command: [sh, -c, "nc -lp 8080"]
//!       securityContext: # BH304
//!         runAsUser: 1337
//!         privileged: true
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: captures-nothing, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables] # BH304
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: batch/v1
//! kind: Job
//! metadata: { name: been-here, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         sidecar.istio.io/status: '{}' # BH304
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: StatefulSet
//! metadata: { name: own-proxy, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//!         - { name: istio-proxy, image: auto } # BH304
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: classic, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2@sha256:8c1cd64d8c9b
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -x, "", -b, "*", -d, "15090,15021"]
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar, --domain, $(POD_NAMESPACE).svc.cluster.local, --proxyLogLevel=warning]
//!       lifecycle: { postStart: { exec: { command: [pilot-agent, wait] } } }
//!       securityContext: { runAsUser: 1337 }
//! ```
//!
//! ## Limits
//! Environment, mounts, ports and resources of the proxy are not compared. A mesh that excludes ports or
//! addresses for all pods (`excludeIPRanges`, `TPROXY`) is refused here until it can be declared.

use super::{Findings, Place, Retry, Rule, Scope, WORKLOADS};
use crate::policy::object::{Form, Object, Placed, Role, Workload};
use crate::policy::path::Path;
use crate::policy::proxy::{self, Arguments, Strange};
use crate::policy::quote;
use crate::settings::{Dataplane, Settings};

pub(super) static RULE: Rule = Rule {
    code: "BH304",
    name: "counterfeit-proxy",
    kinds: &[WORKLOADS],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh304_counterfeit_proxy.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Object::Workload(workload) = scope.object else { return };
    survives(workload, proxy::OVERRIDES, findings);
    match workload.form {
        Form::Written => {
            survives(workload, proxy::STATUS, findings);
            declared(workload, findings);
        }
        Form::Final | Form::Stored if scope.world.settings.dataplane == Dataplane::Ambient => {}
        Form::Final | Form::Stored => injected(workload, &scope.world.settings, findings),
    }
}

/// An annotation with which a tenant's own fields survive injection.
fn survives(workload: &Workload<'_>, key: &str, findings: &mut Findings) {
    if let Some(written) = workload.labelled().annotation(key) {
        let fix = "remove it; `sidecar.istio.io/proxyCPU` and its kin set the proxy's resources";
        findings.report(&written.path, "fields of the mesh's own containers would survive injection", fix);
    }
}

/// As written: the injector brings these containers, and would keep what is written into them.
fn declared(workload: &Workload<'_>, findings: &mut Findings) {
    for container in workload.containers().filter(|container| proxy::NAMES.contains(&&*container.name)) {
        let message = format!("`{}` is the name of a container that Istio injects", container.name);
        findings.report(&container.path(), message, "remove the container");
    }
}

/// A pod: these containers are the injector's, or this is no mesh pod.
fn injected(workload: &Workload<'_>, settings: &Settings, findings: &mut Findings) {
    let redirection = if settings.istio_cni { proxy::VALIDATION_NAME } else { proxy::CAPTURE_NAME };
    let (mut proxies, mut redirections) = (0, 0);
    for container in workload.containers() {
        let name = &*container.name;
        let (count, arguments) = match name {
            proxy::PROXY_NAME => (&mut proxies, &proxy::PROXY),
            _ if name == redirection && settings.istio_cni => (&mut redirections, &proxy::VALIDATION),
            _ if name == redirection => (&mut redirections, &proxy::CAPTURE),
            proxy::CAPTURE_NAME | proxy::VALIDATION_NAME => {
                let message = format!("in this mesh it is `{redirection}` that sees to the redirection");
                findings.report(&container.path(), message, "remove the container");
                continue;
            }
            _ => continue,
        };
        *count += 1;
        if *count > 1 {
            let message = format!("a second `{name}`: Istio injects exactly one");
            findings.report(&container.path(), message, "remove the container");
            continue;
        }
        genuine(container, arguments, settings, findings);
    }
    if proxies > 0 && redirections == 0 {
        findings.report(
            &workload.spec_path(),
            format!("no `{redirection}`: nothing redirects traffic to the proxy"),
            "let Istio inject the pod: declare none of its containers",
        );
    }
}

fn genuine(container: Placed<'_, '_>, arguments: &Arguments, settings: &Settings, findings: &mut Findings) {
    let name = &*container.name;
    let is_proxy = name == proxy::PROXY_NAME;
    let mut report = |path: Path<'_>, message: String| {
        findings.report(&path, message, format!("do not declare `{name}`: Istio injects it"));
    };
    let image = container.image.as_deref().unwrap_or_default();
    if !proxy::is_mesh_image(image, settings) {
        let message =
            format!("{} is not from a repository the settings list as `mesh.proxyImages`", quote(image));
        report(container.fields(&["image"]), message);
    }
    if !container.command.is_empty() {
        report(container.fields(&["command"]), format!("Istio gives `{name}` no command"));
    }
    let path = container.fields(&["args"]);
    match arguments.strange(&container.args, settings.proxy_user) {
        Some(Strange::At(index)) => {
            let argument = container.args.get(index).map_or("", |argument| argument);
            report(path.index(index), format!("Istio would not write {} here", quote(argument)));
        }
        Some(Strange::Missing(flag)) => report(path, format!("Istio writes `{flag}` for `{name}`")),
        None => {}
    }
    for (fields, program) in container.programs().filter(|(_, program)| !proxy::is_mesh_program(program)) {
        let first = program.first().map_or("", |word| word);
        report(container.fields(fields), format!("Istio runs no {} in `{name}`", quote(first)));
    }
    for (field, written) in
        [("workingDir", container.working_dir.is_some()), ("envFrom", container.env_from.is_some())]
    {
        if written {
            report(container.fields(&[field]), format!("Istio gives `{name}` no `{field}`"));
        }
    }
    if !is_proxy && container.role != Role::Init {
        report(container.path(), format!("`{name}` is an init container"));
    }
    let expected = (is_proxy && container.role == Role::Init).then_some("Always");
    if container.restart_policy.as_deref() != expected {
        let written = container.restart_policy.as_deref().unwrap_or_default();
        report(
            container.fields(&["restartPolicy"]),
            format!("{} is not how Istio runs `{name}` here", quote(written)),
        );
    }
    let rights = &container.security_context;
    if is_proxy && (rights.run_as_user != Some(settings.proxy_user) || rights.is_more_than_a_user()) {
        let message = format!("`{name}` runs as user {}, with no more rights", settings.proxy_user);
        report(container.fields(&["securityContext"]), message);
    }
}
