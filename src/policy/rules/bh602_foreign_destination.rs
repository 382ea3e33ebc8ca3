//! # BH602 `foreign-destination`
//!
//! ## What it refuses
//! Refuses routes and mirrors to destinations of others.
//!
//! The rule judges the destinations and mirrors of VirtualServices, the host that `rewrite.authority` writes into a
//! request, `tunnel.targetHost` of DestinationRules, and in routes of the Gateway API `backendRefs`, mirrors, the servers of
//! `externalAuth` and `urlRewrite.hostname`. The hosts that it admits are those of BH601. A ReferenceGrant allows nothing:
//! istiod asks for none in routes for Services.
//!
//! ## Why
//! A gateway or a shared service that follows your route calls the destination with its own identity, which the
//! destination's owner may trust. A mirror copies requests to a tenant that has not asked for them.
//!
//! ## What to write instead
//! Route to a Service in a namespace of your own.
//!
//! ## How to get it allowed
//! Ask the platform for `sharedServices` or `hosts` in `Tenant.spec.grants.reach`. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   hosts: [web]
//!   http:
//!     - route:
//!         - destination:
//!             host: web.tenant-acme.svc.cluster.local # BH602
//!         - destination: { host: web }
//!       mirror:
//!         host: log-collector.shared-services.svc.cluster.local # BH602
//!       mirrors:
//!         - destination:
//!             host: web.tenant-acme # BH602
//!     - rewrite:
//!         authority: web.tenant-acme.svc.cluster.local # BH602
//!       route: [{ destination: { host: web } }]
//!   tcp:
//!     - route:
//!         - destination:
//!             host: 10.0.0.1 # BH602
//!   tls:
//!     - match: [{ sniHosts: [web] }]
//!       route:
//!         - destination:
//!             host: api.example.com # BH602
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   host: web
//!   subsets:
//!     - name: proxy
//!       trafficPolicy:
//!         tunnel:
//!           protocol: CONNECT
//!           targetHost: api.example.com # BH602
//!           targetPort: 443
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: web, namespace: tenant-beta }
//! spec:
//!   parentRefs: [{ group: "", kind: Service, name: web }]
//!   rules:
//!     - filters:
//!         - type: RequestMirror
//!           requestMirror:
//!             backendRef: # BH602
//!               name: web
//!               namespace: tenant-acme
//!               port: 80
//!         - type: URLRewrite
//!           urlRewrite:
//!             hostname: web.tenant-acme.svc # BH602
//!       backendRefs:
//!         - name: web
//!           port: 80
//!           filters:
//!             - type: ExternalAuth
//!               externalAuth:
//!                 protocol: HTTP
//!                 backendRef: # BH602
//!                   name: web
//!                   namespace: istio-system
//!         - name: web # BH602
//!           namespace: tenant-acme
//!           port: 80
//!         # A host has no namespace that a ReferenceGrant could name.
//!         - name: web.tenant-acme.svc.cluster.local # BH602
//!           kind: Hostname
//!           group: networking.istio.io
//!           port: 80
//!         # Istiod makes a host of the name.
//!         - name: web.tenant-acme.svc.x # BH602
//!           kind: ServiceImport
//!           group: multicluster.x-k8s.io
//!           port: 80
//!         # Other controllers lead it to any address.
//!         - name: anywhere # BH602
//!           kind: Backend
//!           group: gateway.envoyproxy.io
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1alpha2
//! kind: TCPRoute
//! metadata: { name: db, namespace: tenant-beta }
//! spec:
//!   parentRefs: [{ group: "", kind: Service, name: db }]
//!   rules:
//!     - backendRefs:
//!         - name: db # BH602
//!           namespace: tenant-acme
//!           port: 3306
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1alpha3
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web]
//!   http:
//!     - rewrite: { uri: /v2, authority: web.tenant-acme-new.svc.cluster.local }
//!       route: [{ destination: { host: web.tenant-acme-new.svc.cluster.local, port: { number: 80 } } }]
//!       mirrors: [{ destination: { host: canary }, percentage: { value: 5 } }]
//!     - redirect: { authority: www.example.com }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   parentRefs: [{ name: edge }]
//!   rules:
//!     - filters:
//!         - { type: RequestMirror, requestMirror: { backendRef: { name: canary, port: 80 }, percent: 5 } }
//!         - { type: URLRewrite, urlRewrite: { hostname: web.tenant-acme.svc.cluster.local } }
//!       backendRefs:
//!         - { name: web, port: 80 }
//!         - { name: web, namespace: tenant-acme-new, port: 80 }
//!         - { name: web.tenant-acme-new.svc, kind: Hostname, group: networking.istio.io, port: 80 }
//!         - { name: models, kind: InferencePool, group: inference.networking.k8s.io }
//! ```
//! A call to a granted host, with another name in the request:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: pictures, namespace: tenant-shop }
//! spec:
//!   hosts: [pictures]
//!   exportTo: ["."]
//!   http:
//!     - rewrite: { authority: eu.objects.example.net }
//!       route: [{ destination: { host: eu.objects.example.net, port: { number: 443 } } }]
//! ```

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule =
    Rule::refusing(ClaimKind::ReachedHost, &[Owner::Anyone, Owner::Foreign, Owner::Malformed]);
