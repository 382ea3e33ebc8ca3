//! # BH807 `ingress-for-all`
//!
//! ## What it refuses
//! Refuses Ingresses that take calls for every host.
//!
//! Each rule of an Ingress must name a host, and `defaultBackend` must be left out. A path may lead to a Service, and not to
//! another object (`resource`). BH601 judges the hosts, in `tls` too.
//!
//! ## Why
//! An ingress controller serves the Ingresses of all namespaces at one address. Without a host an Ingress takes calls for
//! other tenants.
//!
//! ## What to write instead
//! Write a `host` into each rule, a rule in place of `defaultBackend`, and a Service in place of `resource`.
//!
//! ## How to get it allowed
//! Ask the platform to write the Ingress, and for `Tenant.spec.grants.serve.hosts` for your hosts. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   defaultBackend: # BH807
//!     service: { name: web, port: { number: 80 } }
//!   rules:
//!     - http: # BH807
//!         paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }]
//!     - host: shop.example.com
//!       http:
//!         paths:
//!           - path: /files
//!             pathType: Prefix
//!             backend:
//!               resource: # BH807
//!                 { apiGroup: storage.example.com, kind: Bucket, name: files }
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   ingressClassName: nginx
//!   tls: [{ hosts: [shop.example.com, www.shop.example.com], secretName: shop-tls }]
//!   rules:
//!     - host: shop.example.com
//!       http:
//!         paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }]
//!     - host: "*.shop.example.com"
//!       http:
//!         paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }]
//! ```
//!
//! ## Limits
//! The rule does not judge paths. An ingress controller must not take configuration from them: keep it up to date.

use super::{Check, Request, Rule, RuleReport};
use crate::policy::object::Ingress;

pub(super) const RULE: Rule = Rule::new(Check::Ingress(check));

fn check(_: &Request<'_>, ingress: &Ingress, report: &mut RuleReport) {
    for path in ingress.rules_without_host() {
        let message = "a rule without `host` takes calls for every host, those of other tenants too";
        report.add(&path, message, "write a `host` of your own into the rule.");
    }
}
