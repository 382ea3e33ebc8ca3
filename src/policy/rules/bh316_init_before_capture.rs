//! # BH316 `init-before-capture`
//!
//! ## What it refuses
//! Refuses init containers that run before traffic is captured.
//!
//! With a native sidecar Istio runs `istio-init` first. With a classic sidecar it runs `istio-init` last, after the
//! init containers of the pod's author. A template is refused early if it asks for a classic sidecar
//! (`sidecar.istio.io/nativeSidecar: "false"`) and has init containers. With istio-cni the traffic is captured
//! before any container starts, and a pod has no `istio-init`: set `mesh.istioCni`, so that the rule judges no template.
//!
//! ## Why
//! An init container may run for as long as it likes. Before its traffic is captured, its connections carry no
//! identity and no policy is asked before something reaches it.
//!
//! ## What to write instead
//! Remove `sidecar.istio.io/nativeSidecar: "false"`, so that the sidecar starts before your init containers.
//!
//! ## How to get it allowed
//! The platform turns on native sidecars (`ENABLE_NATIVE_SIDECARS` of istiod) or istio-cni. For one workload, ask the
//! platform for an Exemption of BH316.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: classic, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - { name: migrate, image: registry.example.com/migrate:1 } # BH316
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       securityContext: { runAsUser: 1337 }
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: classic, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         sidecar.istio.io/nativeSidecar: "false" # BH316
//!     spec:
//!       initContainers: [{ name: migrate, image: registry.example.com/migrate:1 }]
//!       containers: [{ name: app, image: registry.example.com/app:1 }]
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: native, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!     - { name: migrate, image: registry.example.com/migrate:1 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: classic, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata: { annotations: { sidecar.istio.io/nativeSidecar: "false" } }
//!     spec:
//!       containers: [{ name: app, image: registry.example.com/app:1 }]
//! ```

use super::{Check, Request, Rule, RuleReport, quote};
use crate::keys::NATIVE_SIDECAR_ANNOTATION;
use crate::policy::object::{ContainerKind, Stage, Workload};
use crate::policy::proxy;
use crate::settings::Dataplane;

pub(super) const RULE: Rule = Rule::new(Check::Workload(check));

fn check(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    let settings = &request.snapshot.settings;
    match workload.stage {
        _ if request.dataplane() == Dataplane::Ambient => {}
        Stage::Authored if settings.istio_cni => {}
        Stage::Authored => reject_classic_sidecar(workload, report),
        Stage::Mutated | Stage::Stored => reject_early_containers(workload, report),
    }
}

fn reject_classic_sidecar(workload: &Workload<'_>, report: &mut RuleReport) {
    let has_init_containers = workload.containers().any(|container| container.kind == ContainerKind::Init);
    let classic =
        workload.metadata().annotation(NATIVE_SIDECAR_ANNOTATION).filter(|written| written.value == "false");
    if let Some(classic) = classic.filter(|_| has_init_containers) {
        report.add(
            &classic.path,
            "with a classic sidecar the init containers run before their traffic is redirected to the proxy",
            "remove this annotation, so that the sidecar starts before them.",
        );
    }
}

fn reject_early_containers(workload: &Workload<'_>, report: &mut RuleReport) {
    let init_containers = || workload.containers().filter(|container| container.kind == ContainerKind::Init);
    let Some(capture) = init_containers().position(|container| *container.name == *proxy::INIT_CONTAINER)
    else {
        return;
    };
    for container in
        init_containers().take(capture).filter(|container| *container.name != *proxy::PROXY_CONTAINER)
    {
        report.add(
            &container.path(),
            format!("{} runs before `istio-init` redirects the pod's traffic to the proxy", quote(&container.name)),
            format!(
                "remove `{NATIVE_SIDECAR_ANNOTATION}: \"false\"` from the pod or its template; if it is not there, ask the \
                 platform for native sidecars (`ENABLE_NATIVE_SIDECARS`) or istio-cni."
            ),
        );
    }
}
