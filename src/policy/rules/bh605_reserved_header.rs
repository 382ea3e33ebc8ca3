//! # BH605 `reserved-header`
//!
//! ## What it refuses
//! Refuses routes and claims of tokens that write reserved headers.
//!
//! Reserved are `x-tenant-identity`, `x-forwarded-client-cert`, every `x-envoy-…`, and the host (`host`, `:authority`), in
//! any case. A route may neither set, add nor remove them, and a RequestAuthentication may not copy a token or a claim
//! into them. The rule judges VirtualServices, and the filters of HTTPRoutes and GRPCRoutes. It does not judge the headers
//! of responses.
//!
//! ## Why
//! A shared service reads from such headers which tenant a request belongs to, and a proxy reads whether a request came
//! from inside the mesh and how long to try. The receiving proxy sets them from the caller's certificate, and a route
//! of the caller must not set them in its place. A new host leads the request to another service behind the next proxy.
//!
//! ## What to write instead
//! Remove the header from the route, or use a header with another name. For another host, write `rewrite.authority`, or
//! in a route of the Gateway API `urlRewrite.hostname`: BH602 judges it.
//!
//! ## How to get it allowed
//! Never. The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the
//! fields that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: logs, namespace: tenant-acme }
//! spec:
//!   hosts: [log-collector.shared-services.svc.cluster.local]
//!   exportTo: ["."]
//!   http:
//!     - headers:
//!         request:
//!           set:
//!             X-Tenant-Identity: spiffe://cluster.local/ns/tenant-beta/sa/web # BH605
//!       route:
//!         - destination: { host: log-collector.shared-services.svc.cluster.local }
//!           headers:
//!             request:
//!               remove:
//!                 - x-request-id
//!                 - x-forwarded-client-cert # BH605
//! ```
//! Another host:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   http:
//!     - headers:
//!         request:
//!           set:
//!             Host: web.tenant-beta.svc # BH605
//!       route:
//!         - destination: { host: web }
//!           headers:
//!             request:
//!               add:
//!                 ":authority": web.tenant-beta.svc # BH605
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: logs, namespace: tenant-acme }
//! spec:
//!   parentRefs: [{ group: "", kind: Service, name: log-collector, namespace: shared-services }]
//!   rules:
//!     - filters:
//!         - type: RequestHeaderModifier
//!           requestHeaderModifier:
//!             set:
//!               - name: X-Tenant-Identity # BH605
//!                 value: spiffe://cluster.local/ns/tenant-beta/sa/web
//!             add:
//!               - name: x-envoy-upstream-rq-timeout-ms # BH605
//!                 value: "1"
//!             remove:
//!               - X-Forwarded-Client-Cert # BH605
//!       backendRefs:
//!         - name: log-collector
//!           namespace: shared-services
//!           port: 8080
//!           filters:
//!             - type: RequestHeaderModifier
//!               requestHeaderModifier:
//!                 remove:
//!                   - x-tenant-identity # BH605
//! ```
//!
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: RequestAuthentication
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   jwtRules:
//!     - issuer: testing@example.com
//!       jwks: '{ "keys": [] }'
//!       outputPayloadToHeader: X-Forwarded-Client-Cert # BH605
//!       outputClaimToHeaders:
//!         - { claim: sub, header: x-jwt-sub }
//!         - claim: tenant
//!           header: x-tenant-identity # BH605
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   http:
//!     - headers: { response: { add: { cache-control: no-store }, remove: [x-envoy-upstream-service-time] } }
//!       route: [{ destination: { host: web } }]
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::RequestHeader, &[Owner::Foreign, Owner::Platform]);
