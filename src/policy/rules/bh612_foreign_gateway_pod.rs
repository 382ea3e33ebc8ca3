//! # BH612 `foreign-gateway-pod`
//!
//! ## What it refuses
//! Refuses Gateways that can configure the gateways of others.
//!
//! A tenant needs the grant `gatewayPods` to write Gateways of Istio. The `selector` must have a label that no pod of the
//! platform's gateways has: for each gateway in the settings (`gateways`, `egressGateway`), one of its labels with another
//! value. The rule does not judge `servers`: they concern the tenant's own gateways. The platform may write any Gateway.
//!
//! ## Why
//! Istiod gives a Gateway to every gateway of the mesh whose labels match its selector, in any namespace. A Gateway of a
//! tenant could serve other names on the platform's gateway, with the certificates of that gateway's namespace.
//!
//! ## What to write instead
//! Write a VirtualService, and ask the platform for `Tenant.spec.grants.serve` (`gateways`, `hosts`).
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.gatewayPods`. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! A tenant without gateways:
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: Gateway
//! metadata: { name: bookinfo-gateway, namespace: tenant-beta }
//! spec: # BH612
//!   selector: { istio: ingressgateway }
//!   servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
//! ```
//! Selectors that the pods of the gateway `istio-ingress/public` can match, which have the label `app: public`:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Gateway
//! metadata: { name: all, namespace: tenant-acme }
//! spec: # BH612
//!   servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1beta1
//! kind: Gateway
//! metadata: { name: edge, namespace: tenant-acme }
//! spec:
//!   selector: { istio: edge } # BH612
//!   servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com] }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Gateway
//! metadata: { name: public, namespace: tenant-acme }
//! spec:
//!   selector: { app: public } # BH612
//!   servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com] }]
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Gateway
//! metadata: { name: edge, namespace: tenant-acme }
//! spec:
//!   selector: { app: edge, istio: edge }
//!   servers:
//!     - port: { number: 443, name: https, protocol: HTTPS }
//!       hosts: ["./shop.example.com", "*/*.example.com"]
//!       tls: { mode: SIMPLE, credentialName: shop }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: networking.istio.io/v1
//! kind: Gateway
//! metadata: { name: public, namespace: tenant-beta }
//! spec:
//!   selector: { app: public }
//!   servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["./beta.example.com"] }]
//! ```
//!
//! ## Limits
//! Unless istiod has `PILOT_SCOPE_GATEWAY_TO_NAMESPACE: "true"`, a Gateway can configure the gateway of another tenant that
//! has the grant `gatewayPods` and the same labels, and gateways of the platform that the settings do not list.

use super::{Check, Request, Retry, Rule, RuleReport, Trust, quote};
use crate::policy::object::{Gateway, Object};

pub(super) const RULE: Rule = Rule::new(Check::Gateway(check)).trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(request: &Request<'_>, gateway: &Gateway<'_>, report: &mut RuleReport) {
    let tenant = request.own_tenant_in_words();
    let grants = request.tenant_object().map(|tenant| &tenant.grants);
    if grants.is_none_or(|grants| grants.gateway_pods.is_empty()) {
        report.add(
            &Object::spec_path(),
            format!("{tenant} has no gateways, so that this object can only configure those of others"),
            "write a VirtualService, or ask the platform for `Tenant.spec.grants.gatewayPods`.",
        );
        return report.may_change(Retry::Refresh);
    }
    let selector = gateway.selector();
    if selector.value.iter().next().is_none() {
        let message = "without `selector` this object configures every gateway of the mesh";
        return report.add(&Object::spec_path(), message, "select the labels of your own gateway's pods.");
    }
    for (name, labels) in request.snapshot.settings.gateway_pods() {
        let differs = |(key, label): (&String, &String)| {
            selector.value.get(key).is_some_and(|(_, value)| **value != **label)
        };
        if let Some((key, _)) = labels.first_key_value().filter(|_| !labels.iter().any(differs)) {
            let finding =
                format!("the pods of the platform's gateway {} can match this selector", quote(name));
            let fix = format!("add {} with the value that your own gateway's pods have.", quote(key));
            report.add(&selector.path, finding, fix);
        }
    }
}
