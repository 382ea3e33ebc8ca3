//! # BH304 `counterfeit-proxy`
//!
//! ## What it does
//! Refuses a pod whose `istio-proxy` is not the one Istio injects, and a template that brings its own.
//!
//! In a pod there must be exactly one container of that name, from an image repository of the mesh
//! (`mesh.proxyImages` in the settings), with no command, with the injector's arguments, running as the
//! proxy's user; and exactly one `istio-init` (or, with istio-cni, `istio-validation`) that redirects all
//! traffic. The annotation `proxy.istio.io/overrides`, with which a tenant's own fields survive
//! injection, is refused. A template may not declare containers of these names at all.
//!
//! ## Why it matters
//! The injector keeps what a tenant declares in a container of the proxy's name. A shell that is merely
//! called `istio-proxy` looks like a mesh pod to every check that only asks for the name.
//!
//! ## Limits
//! Environment, mounts, probes and resources of the proxy are not compared. A mesh that excludes ports or
//! addresses for everybody (`excludeIPRanges`, `TPROXY`) is refused here until it can be declared.
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
//!         - -b
//!         - "8080" # BH304
//!     - name: istio-init # BH304
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: OnFailure # BH304
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
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
//!     - name: istio-validation
//!       image: registry.istio.io/release/proxyv2@sha256:8c1cd64d8c9b
//!       args: [istio-iptables, -b, "*", -d, "15090,15021,15020", --run-validation, --skip-rule-apply]
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar, --domain, $(POD_NAMESPACE).svc.cluster.local, --proxyLogLevel=warning]
//!       securityContext: { runAsUser: 1337 }
//! ```

use super::{Findings, Rule, Scope, WORKLOADS};
use crate::policy::object::{Form, Object, Placed, Role, Workload};
use crate::policy::path::Path;
use crate::policy::proxy::{self, Arguments};
use crate::settings::Settings;

pub(super) static RULE: Rule = Rule {
    code: "BH304",
    name: "counterfeit-proxy",
    kinds: WORKLOADS,
    guards: &[],
    ratchet: true,
    source: include_str!("bh304_counterfeit_proxy.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Object::Workload(workload) = scope.object else { return };
    for key in proxy::OVERRIDES {
        if let Some(written) = workload.labelled().annotation(key) {
            findings.report(
                &written.path,
                "fields of the mesh's own containers would survive injection",
                "remove it; `sidecar.istio.io/proxyCPU` and its kin set the proxy's resources",
            );
        }
    }
    match workload.form {
        Form::Written => declared(workload, findings),
        Form::Final => injected(workload, &scope.world.settings, findings),
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
    let (mut proxies, mut redirections) = (0, 0);
    for container in workload.containers() {
        let (count, arguments) = match &*container.name {
            proxy::PROXY_NAME => (&mut proxies, &proxy::PROXY),
            proxy::CAPTURE_NAME => (&mut redirections, &proxy::CAPTURE),
            proxy::VALIDATION_NAME => (&mut redirections, &proxy::VALIDATION),
            _ => continue,
        };
        *count += 1;
        if *count > 1 {
            let message = format!("a second `{}`: Istio injects exactly one", container.name);
            findings.report(&container.path(), message, "remove the container");
            continue;
        }
        genuine(container, arguments, settings, findings);
    }
    if proxies > 0 && redirections == 0 {
        findings.report(
            &workload.spec_path(),
            format!(
                "neither `{}` nor `{}`: nothing redirects traffic to the proxy",
                proxy::CAPTURE_NAME,
                proxy::VALIDATION_NAME
            ),
            "let Istio inject the pod: declare none of its containers",
        );
    }
}

fn genuine(container: Placed<'_>, arguments: &Arguments, settings: &Settings, findings: &mut Findings) {
    let name = &container.name;
    let mut report = |path: Path<'_>, message: String| {
        findings.report(&path, message, format!("do not declare `{name}`: Istio injects it"));
    };
    let image = container.image.as_deref().unwrap_or_default();
    if !proxy::is_mesh_image(image, settings) {
        report(container.field("image"), format!("`{image}` is not from a repository of the mesh's proxy"));
    }
    if !container.command.is_empty() {
        report(container.field("command"), format!("Istio gives `{name}` no command"));
    }
    if let Some(index) = arguments.first_strange(&container.args) {
        let path = container.field("args");
        match container.args.get(index) {
            Some(argument) => report(path.index(index), format!("Istio would not write `{argument}` here")),
            None => report(path, format!("Istio writes more arguments for `{name}`")),
        }
    }
    let native = container.role == Role::Init && **name == *proxy::PROXY_NAME;
    let expected = native.then_some("Always");
    if container.restart_policy.as_deref() != expected {
        let written = container.restart_policy.as_deref().unwrap_or_default();
        report(container.field("restartPolicy"), format!("`{written}` is not how Istio runs `{name}` here"));
    }
    if **name == *proxy::PROXY_NAME && container.security_context.run_as_user != Some(settings.proxy_user) {
        report(
            container.field("securityContext"),
            format!("`{name}` runs as user {}, whose traffic is not captured", settings.proxy_user),
        );
    }
}
