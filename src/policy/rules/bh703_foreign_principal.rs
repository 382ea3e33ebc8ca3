//! # BH703 `foreign-principal`
//!
//! ## What it refuses
//! Refuses AuthorizationPolicies that allow callers of others.
//!
//! The rule judges `principals`, `namespaces`, `serviceAccounts`, `trustDomains` and the conditions `source.…` of policies
//! with the action `ALLOW`. A name may be one of the tenant's own namespaces, of a granted gateway, of a granted caller or of
//! a shared service that calls the tenant. A pattern may match others, if it matches the policy's own namespace too. A
//! principal may not begin with `spiffe://`, whatever the action is.
//!
//! ## Why
//! The baseline's `deny-cross-tenant` denies every other caller, so that the policy does not do what it says. It would if the
//! baseline's policy were gone for a moment. Istio adds `spiffe://` to a principal: with a second one it matches no
//! certificate, a `DENY` denies no caller, and `notPrincipals` excepts none.
//!
//! ## What to write instead
//! Name accounts of your own namespaces: `cluster.local/ns/NAMESPACE/sa/ACCOUNT`.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.serve.gateways` or `Tenant.spec.grants.callers`. The rule only warns for tenants
//! with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay unchanged, and for
//! break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   action: ALLOW
//!   rules:
//!     - from:
//!         - source:
//!             principals:
//!               - cluster.local/ns/tenant-acme/sa/web
//!               - cluster.local/ns/tenant-beta/sa/web # BH703
//!               - cluster.local/ns/tenant-beta/* # BH703
//!               - cluster.local/ns/tenant-beta* # BH703
//!               - other.example.com/ns/tenant-acme* # BH703
//!               - "*/ns/tenant-beta/sa/web" # BH703
//!               - "*-beta/sa/web" # BH703
//!               - other.example.com/ns/tenant-acme/sa/web # BH703
//!               - spiffe://cluster.local/ns/tenant-acme/sa/web # BH703
//!               - web # BH703
//!         - source:
//!             namespaces:
//!               - tenant-beta # BH703
//!               - "*-beta" # BH703
//!         - source:
//!             serviceAccounts:
//!               - tenant-beta/web # BH703
//!         - source:
//!             trustDomains:
//!               - other.example.com # BH703
//!     - when:
//!         - key: source.principal
//!           values:
//!             - cluster.local/ns/tenant-beta/sa/web # BH703
//!         - key: source.namespace
//!           values:
//!             - tenant-beta # BH703
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   action: DENY
//!   rules:
//!     - from:
//!         - source:
//!             notPrincipals:
//!               - spiffe://cluster.local/ns/tenant-acme/sa/web # BH703
//!     - when:
//!         - key: source.principal
//!           notValues:
//!             - spiffe://cluster.local/ns/tenant-acme/sa/web # BH703
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-shop }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   rules:
//!     - from:
//!         - source:
//!             principals: [cluster.local/ns/istio-ingress/sa/public, "cluster.local/ns/tenant-shop/*", "*/ns/tenant-shop/sa/web"]
//!         - source: { namespaces: [tenant-shop, "tenant-shop*", istio-ingress] }
//!         - source: { serviceAccounts: [web, tenant-shop/web] }
//!       to: [{ operation: { methods: [GET], paths: ["/info*"] } }]
//!       when: [{ key: "request.auth.claims[iss]", values: ["https://accounts.example.com"] }]
//! ```
//! Policies without names open nothing that the baseline denies, and other actions open nothing at all:
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: viewer, namespace: tenant-acme }
//! spec:
//!   action: ALLOW
//!   rules:
//!     - to: [{ operation: { methods: [GET] } }]
//!     - from: [{ source: { principals: ["*"] } }, { source: { requestPrincipals: ["*"] } }]
//!     - from: [{ source: { principals: ["cluster.local/*", "*/sa/web"], notNamespaces: [tenant-beta] } }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: closed, namespace: tenant-acme }
//! spec:
//!   action: DENY
//!   rules:
//!     - from: [{ source: { namespaces: [tenant-beta], notPrincipals: [cluster.local/ns/monitoring/sa/prometheus] } }]
//! ```
//!
//! ## Limits
//! The rule does not know which ports carry HTTP. On other ports Istio drops a rule with conditions about HTTP from an `ALLOW`,
//! and drops the conditions from a `DENY`: both deny more. A provider of the action `CUSTOM` gets the requests to the
//! tenant's own pods; the platform configures the providers of the mesh.

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::Caller, &[Owner::Foreign, Owner::Malformed]);
