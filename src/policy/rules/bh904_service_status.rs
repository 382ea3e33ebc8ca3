//! # BH904 `service-status`
//!
//! ## What it refuses
//! Refuses changes of a Service's addresses in its status.
//!
//! These are the addresses in `status.loadBalancer`, which controllers write through `services/status`. Kubernetes'
//! own controllers and the platform may write them.
//!
//! ## Why
//! Every node sends the traffic for such an address to the pods of the Service, no matter who owns the address.
//!
//! ## What to write instead
//! Leave the addresses as they are: the controller of the load balancer writes them.
//!
//! ## How to get it allowed
//! Never for tenants. If the controller of the load balancers is not one of Kubernetes' own, such as MetalLB's or Cilium's,
//! the platform lists its account in `platform.users` of the settings. The rule only warns for tenants with
//! `enforcement: Observe`, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 443 }] }
//! status: { loadBalancer: {} }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 443 }] }
//! status:
//!   loadBalancer: # BH904
//!     ingress: [{ ip: 203.0.113.7 }]
//! ```
//!
//! ## Admitted
//! ```yaml as system:serviceaccount:kube-system:service-controller, on update
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 443 }] }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 443 }] }
//! status: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] } }
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 443 }] }
//! status: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] } }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 8443 }] }
//! status: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] }, conditions: [] }
//! ```

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, Trust};

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Service])])
    .on(&[Operation::Update])
    .trusts(&[Trust::KubeControllers, Trust::Platform]);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    for address in request.changed_addresses() {
        report.add(
            &address.path,
            "nodes send the traffic for the addresses in the status to this Service, no matter who owns them",
            "leave them unchanged: the controller of the load balancer writes them.",
        );
    }
}
