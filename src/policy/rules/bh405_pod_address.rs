//! # BH405 `pod-address`
//!
//! ## What it refuses
//! Refuses changes of a pod's address by anyone but its node.
//!
//! The addresses are `podIP`, `podIPs`, `hostIP` and `hostIPs` in the status, which is written through `pods/status`.
//!
//! ## Why
//! Services and the mesh send traffic to the address in the status. With the address of another pod, a tenant's Service
//! leads its callers there under the tenant's name.
//!
//! ## What to write instead
//! Leave the addresses as they are. The kubelet writes them.
//!
//! ## How to get it allowed
//! Never for tenants. For a virtual node, the platform lists the account that reports its pods in `platform.users` of the
//! settings. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: web-0, namespace: tenant-acme }
//! spec: { containers: [{ name: istio-proxy, image: "registry.istio.io/release/proxyv2:1.31.0" }] }
//! status: { hostIP: 10.0.0.1, podIP: 10.1.0.7, podIPs: [{ ip: 10.1.0.7 }] }
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: web-0, namespace: tenant-acme }
//! spec: { containers: [{ name: istio-proxy, image: "registry.istio.io/release/proxyv2:1.31.0" }] }
//! status:
//!   hostIP: 10.0.0.1
//!   podIP: 10.1.9.9 # BH405
//!   podIPs: # BH405
//!     - ip: 10.1.9.9
//! ```
//!
//! ## Admitted
//! ```yaml as system:node:worker-1 in system:nodes, on update
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: web-0, namespace: tenant-acme }
//! spec: { containers: [{ name: istio-proxy, image: "registry.istio.io/release/proxyv2:1.31.0" }] }
//! status: { phase: Pending }
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: web-0, namespace: tenant-acme }
//! spec: { containers: [{ name: istio-proxy, image: "registry.istio.io/release/proxyv2:1.31.0" }] }
//! status: { phase: Running, podIP: 10.1.0.7 }
//! ```

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, Trust, quote};

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Pod])])
    .on(&[Operation::Update])
    .trusts(&[Trust::Nodes, Trust::Platform]);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    for address in request.changed_addresses() {
        let message = match address.value {
            "" => "the address of a pod must not be removed".to_owned(),
            value => format!(
                "{} is not what the pod's node reported, and traffic for the pod goes there",
                quote(value.trim_matches('"'))
            ),
        };
        report.add(&address.path, message, "leave it unchanged: the kubelet writes it.");
    }
}
