//! # BH304 `counterfeit-proxy`
//!
//! ## What it refuses
//! Refuses Istio containers that differ from those Istio injects.
//!
//! The controller asks the cluster's own injector what it makes of a plain pod: the reference. A new pod must have
//! exactly one container `istio-proxy` and exactly one init container that redirects the traffic, as in the reference:
//! image with its version, arguments, environment variables and their values, mounts, ports, probes, hooks, user and
//! rights. A field that the reference lacks is refused, no matter what the pod's annotations say. Free are resources,
//! the pull policy, the numbers of probes, and what harmless annotations change, such as log levels and drain durations.
//! Without a reference a pod with these containers is refused.
//!
//! In the pod of a gateway (BH324) the container `istio-proxy` must be as the injector's template `gateway` makes it. Free
//! are also its ports, a hook that only sleeps, and a security context with fewer rights. A template with this annotation
//! may have the container with the image `auto`, and is judged in the same way.
//!
//! An existing pod may be older than the mesh. Its containers are compared with the injection template of any version
//! of Istio, but an update must not change them.
//!
//! In an ambient mesh a pod must not contain these containers. A template, and a pod that is not injected yet, must
//! contain neither these containers nor the annotations that make the injector keep a tenant's fields
//! (`proxy.istio.io/overrides`, `sidecar.istio.io/status`).
//!
//! Except in a waypoint of an ambient mesh: a pod or a template with the label `gateway.istio.io/managed:
//! istio.io-mesh-controller` must be as istiod makes it of a Gateway. `istio-proxy` is its only container in any list, with
//! an image of `mesh.proxyImages`, the arguments `proxy waypoint`, and variables, mounts, ports, probes, user and rights of
//! istiod's template. It has no other volumes. The label `gateway.networking.k8s.io/gateway-name` is a name of
//! `mesh.waypoints`, and the service account has the same name. Istio's other labels and annotations leave the proxy as the
//! mesh configures it. BH302 and BH310 admit such a pod.
//!
//! ## Why
//! The injector keeps fields that a tenant declares in a container with the proxy's name. A variable `DRY_RUN`
//! in `istio-init` switches the redirection off. A mount over `/usr/local/bin` runs the tenant's own program
//! as root with `NET_ADMIN`. Another bootstrap makes Envoy skip every policy. An old version of the proxy has known
//! vulnerabilities. Ztunnel does not capture a waypoint, so any other program in it would be outside the mesh.
//!
//! ## What to write instead
//! Do not declare Istio's containers: Istio injects them into the pod. Remove them from a copied or restored pod. Set
//! the proxy's resources with `sidecar.istio.io/proxyCPU`, `proxyMemory` and their limits. In `proxy.istio.io/config`
//! you may set `concurrency`, drain durations (`terminationDrainDuration` in place of a `preStop` hook),
//! `holdApplicationUntilProxyStarts`, sampling and statistics. Do not write the pods of a waypoint: ask the platform for a
//! Gateway of the class `istio-waypoint`, of which istiod makes them.
//!
//! ## How to get it allowed
//! The platform configures the proxy in the mesh, and lists the image repositories in the setting `mesh.proxyImages`.
//! A pod whose containers differ causes a second question to the injector before it is refused, and an earlier
//! reference stays valid for ten minutes, so that an upgrade of istiod refuses no pod. For one workload, ask the
//! platform for an Exemption of BH304: the other rules do not judge these containers, so it allows them everything.
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
//! A pod that claims to be injected keeps its own fields in the mesh's containers:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: dry
//!   namespace: tenant-acme
//!   annotations: { sidecar.istio.io/status: '{}' }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!       env:
//!         - { name: DRY_RUN, value: "true" } # BH304
//!         - { name: ISTIO_META_DNS_CAPTURE, value: "true" }
//!       volumeMounts:
//!         - { name: mine, mountPath: /usr/local/bin } # BH304
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       env:
//!         - { name: CA_ADDR, value: "istiod.tenant-acme.svc:15012" } # BH304
//!         - { name: ISTIO_BOOTSTRAP_OVERRIDE, value: /mine/bootstrap.json } # BH304
//!         - { name: POD_NAMESPACE, value: tenant-beta } # BH304
//!         - { name: PROXY_CONFIG, value: '{"discoveryAddress":"istiod.tenant-acme.svc:15012"}' } # BH304
//!         - { name: PROXY_CONFIG, value: '{}' } # BH304
//!       volumeMounts:
//!         - { name: istio-envoy, mountPath: /usr/local/bin } # BH304
//!       tty: true # BH304
//!       startupProbe:
//!         httpGet: { path: /, port: 8080 } # BH304
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!   volumes:
//!     - { name: mine, image: { reference: registry.example.com/mine:1 } }
//!     - { name: istio-envoy, emptyDir: { medium: Memory } }
//! ```
//! A field that is in no list is refused, at any depth:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: unlisted, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337, procMount: Unmasked } # BH304
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
//! In an ambient mesh nothing is injected:
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: half-meshed, namespace: tenant-acme }
//! spec:
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!     - { name: istio-proxy, image: registry.example.com/shell:1 } # BH304
//! ```
//!
//! A waypoint that a tenant writes, with another name and account, a program of its own, and a proxy of another istiod:
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: waypoint, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels:
//!         gateway.istio.io/managed: istio.io-mesh-controller
//!         gateway.networking.k8s.io/gateway-name: waypoint
//!         istio.io/dataplane-mode: none # BH302
//!         sidecar.istio.io/inject: "false" # BH302
//!         topology.istio.io/network: theirs # BH304
//!       annotations:
//!         proxy.istio.io/config: "discoveryAddress: mine:15012" # BH304
//!     spec:
//!       serviceAccountName: default # BH304
//!       containers:
//!         - name: istio-proxy
//!           image: registry.example.com/shell:1 # BH304
//!           args:
//!             - proxy
//!             - sidecar # BH304
//!           env:
//!             - { name: CA_ADDR, value: "mine.tenant-acme.svc:15012" } # BH304
//!             - { name: PILOT_CERT_PROVIDER, value: istiod }
//!             - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
//!             - { name: POD_NAMESPACE, value: tenant-beta } # BH304
//!             - { name: INSTANCE_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
//!             - { name: SERVICE_ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
//!             - { name: ISTIO_META_NETWORK, value: theirs } # BH304
//!             - { name: TRUST_DOMAIN, value: elsewhere } # BH304
//!             - { name: PROXY_CONFIG, value: '{"proxyBootstrapTemplatePath":"/mine.json"}' } # BH304
//!           securityContext: # BH304
//!             privileged: true
//!         - { name: app, image: registry.example.com/app:1 } # BH304
//!       volumes:
//!         - { name: mine, emptyDir: {} } # BH304
//! ```
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: edge
//!   namespace: tenant-acme
//!   labels:
//!     gateway.istio.io/managed: istio.io-mesh-controller
//!     gateway.networking.k8s.io/gateway-name: edge # BH304
//!     istio.io/dataplane-mode: none # BH302
//!     sidecar.istio.io/inject: "false" # BH302
//! spec:
//!   serviceAccountName: edge
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, waypoint]
//!       env: # BH304
//!         - { name: CA_ADDR, value: "istiod.istio-system.svc:15012" }
//! ```
//! A waypoint gets no container to debug it, and stays one:
//! ```yaml as alice in acme-developers, in snapshot ambient, on update
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: waypoint-5d8f7-x2x9p
//!   namespace: tenant-acme
//!   labels:
//!     gateway.istio.io/managed: istio.io-mesh-controller
//!     gateway.networking.k8s.io/gateway-name: waypoint
//!     istio.io/dataplane-mode: none
//!     sidecar.istio.io/inject: "false"
//!   annotations: { istio.io/rev: default }
//! spec:
//!   serviceAccountName: waypoint
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, waypoint, --domain, $(POD_NAMESPACE).svc.cluster.local, --proxyLogLevel, warning]
//!       env:
//!         - { name: PILOT_CERT_PROVIDER, value: istiod }
//!         - { name: CA_ADDR, value: "istiod.istio-system.svc:15012" }
//!         - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
//!         - { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
//!         - { name: INSTANCE_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
//!         - { name: SERVICE_ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
//!         - { name: PROXY_CONFIG, value: '{"proxyMetadata":{"ISTIO_META_ENABLE_HBONE":"true"}}' }
//!         - { name: ISTIO_META_ENABLE_HBONE, value: "true" }
//!       securityContext:
//!         allowPrivilegeEscalation: false
//!         capabilities: { drop: [ALL] }
//!         readOnlyRootFilesystem: true
//!         runAsGroup: 1337
//!         runAsNonRoot: true
//!         runAsUser: 1337
//!       volumeMounts:
//!         - { name: istio-token, mountPath: /var/run/secrets/tokens }
//!   volumes:
//!     - { name: go-proxy-data, emptyDir: {} }
//!     - name: istio-token
//!       projected: { sources: [{ serviceAccountToken: { audience: istio-ca, path: istio-token } }] }
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: waypoint-5d8f7-x2x9p
//!   namespace: tenant-acme
//!   labels:
//!     gateway.istio.io/managed: istio.io-mesh-controller
//!     gateway.networking.k8s.io/gateway-name: waypoint
//!     istio.io/dataplane-mode: none # BH302
//!     sidecar.istio.io/inject: "false" # BH302
//!   annotations: { istio.io/rev: default }
//! spec:
//!   serviceAccountName: waypoint
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, waypoint, --domain, $(POD_NAMESPACE).svc.cluster.local, --proxyLogLevel, warning]
//!       env:
//!         - { name: PILOT_CERT_PROVIDER, value: istiod }
//!         - { name: CA_ADDR, value: "istiod.istio-system.svc:15012" }
//!         - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
//!         - { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
//!         - { name: INSTANCE_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
//!         - { name: SERVICE_ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
//!         - { name: PROXY_CONFIG, value: '{"proxyMetadata":{"ISTIO_META_ENABLE_HBONE":"true"}}' }
//!         - { name: ISTIO_META_ENABLE_HBONE, value: "true" }
//!       securityContext:
//!         allowPrivilegeEscalation: false
//!         capabilities: { drop: [ALL] }
//!         readOnlyRootFilesystem: true
//!         runAsGroup: 1337
//!         runAsNonRoot: true
//!         runAsUser: 1337
//!       volumeMounts:
//!         - { name: istio-token, mountPath: /var/run/secrets/tokens }
//!   volumes:
//!     - { name: go-proxy-data, emptyDir: {} }
//!     - name: istio-token
//!       projected: { sources: [{ serviceAccountToken: { audience: istio-ca, path: istio-token } }] }
//!   ephemeralContainers:
//!     - { name: debugger, image: registry.example.com/shell:1 } # BH304
//! ```
//!
//! ## Admitted
//! A waypoint as istiod makes it, in an ambient mesh:
//! ```yaml as system:serviceaccount:kube-system:replicaset-controller, in snapshot ambient
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: waypoint-5d8f7-x2x9p
//!   namespace: tenant-acme
//!   labels:
//!     gateway.istio.io/managed: istio.io-mesh-controller
//!     gateway.networking.k8s.io/gateway-name: waypoint
//!     istio.io/dataplane-mode: none
//!     sidecar.istio.io/inject: "false"
//!   annotations: { istio.io/rev: default }
//! spec:
//!   serviceAccountName: waypoint
//!   containers:
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, waypoint, --domain, $(POD_NAMESPACE).svc.cluster.local, --proxyLogLevel, warning]
//!       env:
//!         - { name: PILOT_CERT_PROVIDER, value: istiod }
//!         - { name: CA_ADDR, value: "istiod.istio-system.svc:15012" }
//!         - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
//!         - { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
//!         - { name: INSTANCE_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
//!         - { name: SERVICE_ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
//!         - { name: PROXY_CONFIG, value: '{"proxyMetadata":{"ISTIO_META_ENABLE_HBONE":"true"}}' }
//!         - { name: ISTIO_META_ENABLE_HBONE, value: "true" }
//!       securityContext:
//!         allowPrivilegeEscalation: false
//!         capabilities: { drop: [ALL] }
//!         readOnlyRootFilesystem: true
//!         runAsGroup: 1337
//!         runAsNonRoot: true
//!         runAsUser: 1337
//!       volumeMounts:
//!         - { name: istio-token, mountPath: /var/run/secrets/tokens }
//!   volumes:
//!     - { name: go-proxy-data, emptyDir: {} }
//!     - name: istio-token
//!       projected: { sources: [{ serviceAccountToken: { audience: istio-ca, path: istio-token } }] }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: classic, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -x, "", -b, "*", -d, "15090,15021"]
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar, --proxyLogLevel=warning]
//!       lifecycle: { postStart: { exec: { command: [pilot-agent, wait] } } }
//!       securityContext: { runAsUser: 1337 }
//! ```
//!
//! ## Limits
//! The injector must make the same of a plain pod everywhere. Pods are refused if it runs proxies as another user in each
//! namespace, as on OpenShift, if a ProxyConfig object changes variables or images in one namespace, or if another webhook
//! changes all containers after Istio: exclude Istio's containers there, such as with
//! `eks.amazonaws.com/skip-containers`. BH303 judges the annotations that the proxy reads when it starts.
//!
//! A waypoint may have any version of the proxy from `mesh.proxyImages`. Bulkhead does not compare it with its Gateway: a
//! tenant can run a pod that is exactly a waypoint, and istiod configures it as one of the tenant's own.

use super::{Check, Request, Retry, Rule, RuleReport};
use crate::keys::{GATEWAY_TEMPLATE, OVERRIDES_ANNOTATION, PROXY_CPU_ANNOTATION, STATUS_ANNOTATION};
use crate::policy::object::{ContainerAt, ContainerKind, Stage, Workload};
use crate::policy::proxy::{self, Expected, Role};
use crate::settings::{Dataplane, PROBE_NAMESPACE};
use crate::snapshot::{InjectedPod, ProxyReference};

/// The rules about privileges leave Istio's containers to this one.
pub(super) const RULE: Rule = Rule::new(Check::Workload(check)).relied_on();

fn check(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    if request.compare_waypoint(report) {
        return;
    }
    // The injector records there what a gateway's pod says of its container.
    if !request.is_gateway() || workload.stage == Stage::Authored {
        reject_injector_annotation(workload, OVERRIDES_ANNOTATION, report);
    }
    match workload.stage {
        Stage::Authored => {
            reject_injector_annotation(workload, STATUS_ANNOTATION, report);
            if request.is_gateway() {
                compare_with_any_version(request, workload, report);
            } else {
                reject_mesh_containers(workload, report);
            }
        }
        // Nothing is injected there.
        Stage::Mutated | Stage::Stored if request.dataplane() == Dataplane::Ambient => {
            reject_mesh_containers(workload, report);
        }
        // BH301 refuses a pod without a proxy.
        Stage::Mutated | Stage::Stored if mesh_containers(workload).next().is_none() => {}
        Stage::Mutated => compare_exactly(request, workload, report),
        Stage::Stored => compare_with_any_version(request, workload, report),
    }
}

fn reject_injector_annotation(workload: &Workload<'_>, key: &str, report: &mut RuleReport) {
    if let Some(written) = workload.metadata().annotation(key) {
        report.add(
            &written.path,
            "with this annotation the injector keeps your fields in Istio's own containers",
            format!(
                "remove it. Set the proxy's resources with `{PROXY_CPU_ANNOTATION}`, `proxyMemory` and their limits."
            ),
        );
    }
}

fn mesh_containers<'w, 'a>(workload: &'w Workload<'a>) -> impl Iterator<Item = ContainerAt<'w, 'a>> {
    workload.containers().filter(|container| proxy::INJECTED_CONTAINERS.contains(&&*container.name))
}

fn reject_mesh_containers(workload: &Workload<'_>, report: &mut RuleReport) {
    for container in mesh_containers(workload) {
        let message = format!("`{}` is the name of a container that Istio injects", container.name);
        report.add(&container.path(), message, "remove this container.");
    }
}

/// Compares a new pod with each valid reference. Reports the differences from the most similar one.
fn compare_exactly(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    let mut differences: Option<RuleReport> = None;
    let forms =
        request.proxy_references().filter_map(|reference| injected_form(request, workload, reference));
    for form in forms {
        let mut found = RuleReport::new(report.code());
        compare(request, workload, Some(form), true, &mut found);
        if found.count() == 0 {
            return;
        }
        if differences.as_ref().is_none_or(|known| found.count() < known.count()) {
            differences = Some(found);
        }
    }
    // An existing pod may be older than the references.
    if request.keeps_mesh_containers() {
        return compare_with_any_version(request, workload, report);
    }
    match differences {
        Some(differences) => report.add_all(differences),
        None if request.is_gateway() && request.proxy_references().next().is_some() => report.add(
            &workload.spec_path(),
            format!("the injector of this mesh has no template `{GATEWAY_TEMPLATE}` with a known image"),
            "ask the platform for this template: the controller logs why it does not know it.",
        ),
        None if request.proxy_references().next().is_some() => report.add(
            &workload.spec_path(),
            "the injector of this mesh adds `istio-proxy` to another list of containers",
            "remove your own `istio-proxy` container.",
        ),
        None => report.add(
            &workload.spec_path(),
            "Bulkhead does not know yet how the injector of this mesh writes the proxy",
            format!(
                "try again in a few seconds. If this lasts, ask the platform: the controller logs why the injector does \
                 not answer in the namespace `{PROBE_NAMESPACE}`."
            ),
        ),
    }
    report.may_change(Retry::Relearn);
}

fn compare_with_any_version(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    let reference = request.proxy_references().next();
    let reference = reference.and_then(|reference| injected_form(request, workload, reference));
    compare(request, workload, reference, false, report);
}

/// Returns the form of the reference that a gateway has, or that has the proxy in the same list as the pod.
fn injected_form<'r>(
    request: &Request<'_>,
    workload: &Workload<'_>,
    reference: &'r ProxyReference,
) -> Option<&'r InjectedPod> {
    if request.is_gateway() {
        return reference.gateway.as_ref();
    }
    let mut proxies =
        mesh_containers(workload).filter(|container| *container.name == *proxy::PROXY_CONTAINER);
    let is_native = proxies.next().is_some_and(|container| container.kind == ContainerKind::Init);
    if is_native { reference.native.as_ref() } else { reference.classic.as_ref() }
}

fn compare(
    request: &Request<'_>,
    workload: &Workload<'_>,
    reference: Option<&InjectedPod>,
    exact: bool,
    report: &mut RuleReport,
) {
    let settings = &request.snapshot.settings;
    let role = if request.is_gateway() { Role::Gateway } else { Role::Sidecar };
    let is_authored = workload.stage == Stage::Authored;
    let expected = Expected { settings, reference, exact, role, is_authored };
    if role == Role::Gateway {
        return compare_gateway(workload, expected, report);
    }
    let validates =
        reference.map_or(settings.istio_cni, |known| known.container(proxy::VALIDATION_CONTAINER).is_some());
    let redirection = if validates { proxy::VALIDATION_CONTAINER } else { proxy::INIT_CONTAINER };
    let (mut proxies, mut redirections) = (0, 0);
    for container in mesh_containers(workload) {
        let (count, name, arguments) = match &*container.name {
            name if container.kind == ContainerKind::Ephemeral => {
                let message =
                    format!("`{name}` is the name of a container that Istio injects when the pod is created");
                report.add(&container.path(), message, "give your container another name.");
                continue;
            }
            proxy::PROXY_CONTAINER => (&mut proxies, proxy::PROXY_CONTAINER, &proxy::PROXY_ARGUMENTS),
            name if name != redirection => {
                let message =
                    format!("in this mesh the container `{redirection}` redirects the traffic, not `{name}`");
                report.add(&container.path(), message, "remove this container.");
                continue;
            }
            _ if validates => (&mut redirections, redirection, &proxy::VALIDATION_ARGUMENTS),
            _ => (&mut redirections, redirection, &proxy::INIT_ARGUMENTS),
        };
        *count += 1;
        if *count > 1 {
            let message = format!("this is a second container `{name}`, and Istio injects exactly one");
            report.add(&container.path(), message, "remove this container.");
            continue;
        }
        if name == redirection && container.kind != ContainerKind::Init {
            let message = format!("Istio injects `{name}` as an init container");
            report.add(&container.path(), message, format!("remove your own `{name}` container."));
        }
        proxy::compare(container, name, arguments, expected, report);
    }
    if proxies > 0 && redirections == 0 {
        report.add(
            &workload.spec_path(),
            format!(
                "the pod has no init container `{redirection}`, which redirects its traffic to the proxy"
            ),
            "remove your own `istio-proxy` container, so that Istio injects both.",
        );
    }
}

/// Compares the only container of a gateway's pod. BH324 refuses containers with other names.
fn compare_gateway(workload: &Workload<'_>, expected: Expected<'_>, report: &mut RuleReport) {
    for container in mesh_containers(workload) {
        let name = proxy::PROXY_CONTAINER;
        if *container.name == *name && container.kind == ContainerKind::App {
            proxy::compare(container, name, &proxy::GATEWAY_ARGUMENTS, expected, report);
        } else {
            let message = format!("Istio injects no `{}` here into the pod of a gateway", container.name);
            report.add(&container.path(), message, "remove this container.");
        }
    }
}
