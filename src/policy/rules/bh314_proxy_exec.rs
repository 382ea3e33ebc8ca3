//! # BH314 `proxy-exec`
//!
//! ## What it refuses
//! Refuses commands in the Istio proxy and calls to `pods/proxy`.
//!
//! The rule judges `kubectl exec` and `kubectl attach` to Istio's containers, and calls through the API server to any
//! pod (the subresources `pods/proxy` and `services/proxy`). A command without a container's name is refused where a pod can
//! consist of the proxy alone: in an ambient mesh with waypoints, and in a namespace of the grant `gatewayPods`. Platform
//! accounts may use all of them.
//!
//! ## Why
//! In the container of the proxy a program runs as the proxy's user: its calls are not redirected, and it reads the
//! token and the keys of the pod's identity. A call through `pods/proxy` or `services/proxy` reaches the pod from the API server, past the
//! gateways and the mesh. A request without a container's name, which kubectl does not send, reaches the only container of
//! the pod, and the only container of a waypoint or a gateway is the proxy.
//!
//! ## What to write instead
//! Name a container of your own: `kubectl exec POD -c CONTAINER`. To call a pod, use `kubectl port-forward`. For the
//! configuration of the proxy, ask the platform for the output of `istioctl proxy-config`.
//!
//! ## How to get it allowed
//! The platform lists the account in `platform.users` or `platform.groups` of the settings.
//! The rule only warns for tenants with `enforcement: Observe`, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers, on connect
//! apiVersion: v1
//! kind: PodExecOptions
//! metadata: { namespace: tenant-acme }
//! command: [bash]
//! container: istio-proxy # BH314
//! ```
//! ```yaml as alice in acme-developers, on connect
//! apiVersion: v1
//! kind: PodProxyOptions
//! metadata: { namespace: tenant-acme }
//! path: /metrics # BH314
//! ```
//! ```yaml as alice in acme-developers, on connect
//! apiVersion: v1
//! kind: ServiceProxyOptions
//! metadata: { namespace: tenant-acme }
//! path: /metrics # BH314
//! ```
//! ```yaml as alice in acme-developers, in snapshot ambient, on connect
//! apiVersion: v1
//! kind: PodExecOptions
//! metadata: { namespace: tenant-acme }
//! command: [bash]
//! container: "" # BH314
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers, on connect
//! apiVersion: v1
//! kind: PodExecOptions
//! metadata: { namespace: tenant-acme }
//! command: [bash]
//! container: app
//! ```
//!
//! ## Limits
//! `kubectl port-forward` reaches every port of the pod, those of the proxy among them: the API server does not say which.

use super::{Check, Kind, Operation, Request, Rule, RuleReport, Trust, quote};
use crate::policy::object::Connection;
use crate::policy::proxy::INJECTED_CONTAINERS;

pub(super) const RULE: Rule =
    Rule::new(Check::Connection(check)).on(&[Operation::Connect]).trusts(&[Trust::Platform]);

fn check(request: &Request<'_>, connection: &Connection<'_>, report: &mut RuleReport) {
    let container = connection.container();
    if matches!(request.kind, Kind::PodProxyOptions | Kind::ServiceProxyOptions) {
        report.add(
            &connection.path().path,
            "a call through the API server reaches the pod past the mesh",
            "use `kubectl port-forward`.",
        );
    } else if INJECTED_CONTAINERS.contains(&container.value) {
        report.add(
            &container.path,
            format!(
                "a program in {} leaves the mesh, and reads the keys of the pod's identity",
                quote(container.value)
            ),
            FIX,
        );
    } else if container.value.is_empty() && has_pods_of_proxies(request) {
        report.add(
            &container.path,
            "without the name of a container the program runs in the only container of the pod, which can be the Istio proxy",
            FIX,
        );
    }
}

const FIX: &str = "name a container of your own: `kubectl exec POD -c CONTAINER`.";

/// True if a pod of the namespace can have no other container than the proxy.
fn has_pods_of_proxies(request: &Request<'_>) -> bool {
    let (snapshot, namespace) = (request.snapshot, request.namespace().0);
    if snapshot.may_be_captured(namespace) && !snapshot.settings.waypoints.is_empty() {
        return true;
    }
    request
        .tenant_object()
        .is_none_or(|tenant| tenant.grants.gateway_pods.iter().any(|granted| granted.namespace == namespace))
}
