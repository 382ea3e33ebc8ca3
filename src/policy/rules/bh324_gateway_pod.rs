//! # BH324 `gateway-pod`
//!
//! ## What it refuses
//! Refuses gateways without a grant, or with more than the proxy.
//!
//! The annotation `inject.istio.io/templates: gateway` makes a pod a gateway of Istio (`proxy router`). Such a pod or
//! template needs the grant `gatewayPods` of its Tenant, with its namespace and its service account. It must have no
//! containers of its own, in any list, and no volumes. Its labels must not match the `selector` of a gateway in the
//! settings (`gateways`, `egressGateway`). BH304 compares its only container `istio-proxy` with what the cluster's own
//! injector makes of a gateway.
//!
//! The annotation may have no other value but `sidecar`, a binding must not have it, and it must not change on a pod that
//! exists. In an ambient mesh no pod is injected, and the rule judges nothing.
//!
//! ## Why
//! Nothing redirects the traffic of a gateway's pod to its proxy, so a second container would be outside the mesh. The
//! proxy of a gateway is not limited by the Sidecar of the baseline, and knows the Services of all tenants. Istiod gives
//! it the configuration of every Gateway whose selector matches its labels, also from other namespaces.
//!
//! ## What to write instead
//! Remove the annotation, so that the pod gets a sidecar. With the grant, write a pod with the container `istio-proxy` and
//! the image `auto`, as the Helm chart `istio/gateway` does.
//!
//! ## How to get it allowed
//! Ask the platform for `grants.gatewayPods` of the Tenant. Further templates: the platform lists
//! `inject.istio.io/templates` in the setting `mesh.allowedPodKeys`; that does not allow gateways. An Exemption of BH324 for
//! one workload also allows containers beside the proxy, outside the mesh.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! Without a grant for the account `default`:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: own-gateway
//!   namespace: tenant-acme
//!   annotations:
//!     inject.istio.io/templates: gateway # BH324
//! spec:
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, router]
//!       securityContext: { runAsUser: 1337, runAsGroup: 1337 }
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: own-gateway, namespace: tenant-beta }
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         inject.istio.io/templates: gateway # BH324
//!     spec:
//!       serviceAccountName: edge
//!       nodeSelector: { example.com/pool: beta }
//!       containers:
//!         - { name: istio-proxy, image: auto }
//! ```
//! With a grant, but with more than a proxy:
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: edge, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels:
//!         app: public # BH324
//!       annotations:
//!         inject.istio.io/templates: gateway
//!     spec:
//!       serviceAccountName: edge
//!       initContainers:
//!         - { name: early, image: registry.example.com/shell:1 } # BH324
//!         - { name: istio-init, image: registry.example.com/shell:1 } # BH304
//!       containers:
//!         - name: istio-proxy
//!           image: auto
//!           command: [sleep] # BH304
//!           env:
//!             - { name: ISTIO_META_ROUTER_MODE, value: sni-dnat } # BH304
//!           volumeMounts:
//!             - { name: mine, mountPath: /usr/local/bin } # BH304
//!           ports:
//!             - { containerPort: 8443, hostPort: 443 } # BH304
//!         - { name: app, image: registry.example.com/app:1 } # BH324
//!       volumes:
//!         - { name: mine, emptyDir: {} } # BH324
//! ```
//! ```yaml
//! apiVersion: batch/v1
//! kind: Job
//! metadata: { name: agent, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         inject.istio.io/templates: grpc-agent # BH324
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//! A gateway that exists stays one, and gets no container to debug it:
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: edge
//!   namespace: tenant-acme
//!   annotations: { inject.istio.io/templates: gateway }
//! spec:
//!   serviceAccountName: edge
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, router]
//!       securityContext: { runAsUser: 1337, runAsGroup: 1337 }
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: edge
//!   namespace: tenant-acme
//!   annotations:
//!     inject.istio.io/templates: gateway
//! spec:
//!   serviceAccountName: edge
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, router]
//!       securityContext: { runAsUser: 1337, runAsGroup: 1337 }
//!   ephemeralContainers:
//!     - { name: debugger, image: registry.example.com/shell:1 } # BH324
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Binding
//! metadata:
//!   name: web-0
//!   namespace: tenant-acme
//!   annotations:
//!     inject.istio.io/templates: sidecar # BH324
//! target: { kind: Node, name: worker-1 } # BH311
//! ```
//!
//! ## Admitted
//! With a grant for the account `edge` in this namespace:
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: edge, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels: { app: edge, istio: edge, sidecar.istio.io/inject: "true" }
//!       annotations: { inject.istio.io/templates: gateway, sidecar.istio.io/inject: "true" }
//!     spec:
//!       serviceAccountName: edge
//!       securityContext:
//!         sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: "0" }]
//!       containers:
//!         - name: istio-proxy
//!           image: auto
//!           securityContext:
//!             capabilities: { drop: [ALL] }
//!             allowPrivilegeEscalation: false
//!             privileged: false
//!             readOnlyRootFilesystem: true
//!             runAsNonRoot: true
//!           ports: [{ containerPort: 15090, protocol: TCP, name: http-envoy-prom }, { containerPort: 8443 }]
//!           resources: { requests: { cpu: 100m } }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: edge
//!   namespace: tenant-acme
//!   labels: { app: edge }
//!   annotations: { inject.istio.io/templates: gateway }
//! spec:
//!   serviceAccountName: edge
//!   securityContext: { runAsUser: 1337, runAsGroup: 1337, fsGroup: 1337 }
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, router]
//!       securityContext: { runAsUser: 1337, runAsGroup: 1337 }
//! ```
//!
//! ## Limits
//! BH612 refuses Gateways of tenants without this grant. Unless istiod has `PILOT_SCOPE_GATEWAY_TO_NAMESPACE: "true"`, a
//! Gateway of another tenant with the grant can configure this gateway, and the gateway gets the routes of another
//! tenant's Gateway whose selector it matches. The private keys of another namespace it does not get.

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, quote};
use crate::keys::{GATEWAY_TEMPLATE, Map, SIDECAR_TEMPLATE, TEMPLATES_ANNOTATION};
use crate::policy::object::{Located, MetadataAt, Object, Stage, Workload};
use crate::policy::proxy::{INJECTED_CONTAINERS, is_mesh_volume};
use crate::settings::Dataplane;

/// Other rules judge the pod of a gateway as one, with a grant or without.
pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(check)).kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::Binding])]).relied_on();

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    if request.dataplane() == Dataplane::Ambient && request.kind != Kind::Binding {
        return;
    }
    let template = metadata.annotation(TEMPLATES_ANNOTATION);
    if is_changed(request, metadata) {
        report.add(
            &metadata.path(Map::Annotations, TEMPLATES_ANNOTATION),
            "Bulkhead judges the pod by this annotation, which the injector reads only once",
            "leave it unchanged.",
        );
    } else if let Some(template) = template {
        judge_template(request, &template, report);
    }
    if let Object::Workload(workload) = request.object
        && request.is_gateway()
    {
        reject_other_containers(workload, report);
        reject_other_volumes(request, workload, report);
        reject_labels_of_gateways(request, metadata, report);
    }
}

/// True if the request changes the annotation of a pod that exists, or adds or removes it.
fn is_changed(request: &Request<'_>, new: MetadataAt<'_>) -> bool {
    let is_update = request.kind == Kind::Pod && request.operation == Operation::Update;
    let old = if is_update { request.old_metadata() } else { None };
    old.is_some_and(|old| {
        let [old, new] = [old, new.metadata].map(|metadata| metadata.entries(Map::Annotations));
        old.get(TEMPLATES_ANNOTATION) != new.get(TEMPLATES_ANNOTATION)
    })
}

fn judge_template(request: &Request<'_>, template: &Located<'_, &str>, report: &mut RuleReport) {
    let tenant = request.own_tenant_in_words();
    let Object::Workload(workload) = request.object else {
        let finding = "Kubernetes copies this annotation to the pod, which Bulkhead judges by it";
        return report.add(&template.path, finding, "remove it.");
    };
    let allowed = &request.snapshot.settings.allowed_pod_keys;
    match template.value {
        SIDECAR_TEMPLATE => {}
        GATEWAY_TEMPLATE if is_granted(request, workload) => {}
        GATEWAY_TEMPLATE => report.add(
            &template.path,
            format!("`{GATEWAY_TEMPLATE}` makes the pod a gateway, and {tenant} has no grant for it"),
            format!(
                "remove it, or ask the platform for `grants.gatewayPods` with the namespace {} and the service account {}.",
                quote(request.namespace().0),
                quote(workload.service_account())
            ),
        ),
        _ if allowed.contains(TEMPLATES_ANNOTATION) => {}
        other => report.add(
            &template.path,
            format!("{} replaces the Istio sidecar, which every pod of {tenant} must have", quote(other)),
            "remove it.",
        ),
    }
}

fn is_granted(request: &Request<'_>, workload: &Workload<'_>) -> bool {
    let (namespace, account) = (request.namespace().0, workload.service_account());
    let tenant = request.tenant_object();
    let mut granted = tenant.into_iter().flat_map(|tenant| &tenant.grants.gateway_pods);
    granted.any(|pods| pods.namespace == namespace && pods.service_account == account)
}

/// BH304 judges the containers with names of Istio's.
fn reject_other_containers(workload: &Workload<'_>, report: &mut RuleReport) {
    for container in
        workload.containers().filter(|container| !INJECTED_CONTAINERS.contains(&&*container.name))
    {
        report.add(
            &container.path(),
            format!(
                "nothing redirects the traffic of {} to a proxy in the pod of a gateway",
                quote(&container.name)
            ),
            "remove this container, or run it in a pod of its own.",
        );
    }
}

/// BH310 judges the volumes with names of Istio's.
fn reject_other_volumes(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    // The API server adds the token of the pod's account.
    let is_token = |name: &str| workload.stage != Stage::Authored && name.starts_with("kube-api-access-");
    for volume in workload.volumes().elements() {
        let name = &*volume.value.name;
        let is_injected = is_mesh_volume(name) || request.injected_volumes(name).next().is_some();
        if !is_injected && !is_token(name) {
            report.add(
                &volume.path,
                format!("Istio does not add the volume {} to the pod of a gateway", quote(name)),
                "remove it, and give certificates to the gateway with `credentialName`.",
            );
        }
    }
}

/// Istiod gives a pod the configuration of each Gateway whose selector matches the pod's labels.
fn reject_labels_of_gateways(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    for (name, selector) in request.snapshot.settings.gateway_pods() {
        let is_match = selector.iter().all(|(key, value)| metadata.metadata.label_value(key) == Some(value));
        if let Some((key, _)) = selector.first_key_value().filter(|_| is_match) {
            report.add(
                &metadata.label_path(key),
                format!(
                    "with its labels the pod gets the configuration of the platform's gateway {}",
                    quote(name)
                ),
                "give the pod other labels.",
            );
        }
    }
}
