//! # BH601 `foreign-host`
//!
//! ## What it refuses
//! Refuses routes, rules and entries of the mesh for hosts of others.
//!
//! The rule judges `hosts` and `sniHosts` of VirtualServices, `host` of DestinationRules, `hosts` of ServiceEntries, hosts
//! of Ingresses, and `hostnames` of the Gateway API's routes, with the Services and ServiceEntries in their `parentRefs`.
//! A host may be
//!
//! * a Service in a namespace of the tenant, in each form that proxies know: `web`, `web.tenant-acme`,
//!   `web.tenant-acme.svc` and `web.tenant-acme.svc.cluster.local`, also with a dot at the end;
//! * a wildcard within one such namespace: `*.tenant-acme.svc.cluster.local`;
//! * a host outside the cluster that the tenant serves (`serve.hosts`) or calls (`reach.hosts`);
//! * a Service outside the tenant that its pods call: a granted shared service, the API server, DNS, the egress gateway.
//!
//! Ingresses and `hostnames` may not have hosts that the tenant only calls, because a gateway serves them to all callers.
//! BH603 keeps other objects for such hosts from other namespaces.
//!
//! ## Why
//! Istiod gives a VirtualService to the proxies of every namespace that imports it. With the host of another tenant, it
//! leads calls of that tenant's Service to other pods. The baseline's Sidecar imports no other tenant, but gateways and
//! other proxies of the platform can import all of them. A ServiceEntry can make a host known to every proxy.
//!
//! ## What to write instead
//! Name a Service in a namespace of your own.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.serve.hosts` if callers outside your tenant use the host, and for
//! `Tenant.spec.grants.reach` (`sharedServices`, `hosts`) if only your pods call it. The rule only warns for
//! tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! Routes for the Service of another tenant, in each form that a proxy answers to:
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: taken, namespace: tenant-beta }
//! spec:
//!   hosts:
//!     - web.tenant-acme.svc.cluster.local # BH601
//!     - web.tenant-acme.svc.cluster.local. # BH601
//!     - web.tenant-acme.svc # BH601
//!     - web.tenant-acme # BH601
//!   exportTo: ["*"]
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! Names that istiod or Envoy reads as other names:
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: odd, namespace: tenant-beta }
//! spec:
//!   hosts:
//!     # Envoy ignores case, and istiod does not.
//!     - WEB.tenant-beta.svc.cluster.local # BH601
//!     # A `*` in front of a name covers every name with this end.
//!     - "*" # BH601
//!     - "*.local" # BH601
//!     - "*.svc.cluster.local" # BH601
//!     - "*-acme.svc.cluster.local" # BH601
//!     # Istiod cuts the name at its first `.svc.`, and makes a proxy answer to `web.tenant-acme`.
//!     - web.tenant-acme.svc.x.tenant-beta.svc.cluster.local # BH601
//!     # The address of a Service, and names of pods.
//!     - 10.96.0.20 # BH601
//!     - 10-0-0-1.tenant-acme.pod.cluster.local # BH601
//!     # With a dot at its end, a name has no namespace.
//!     - web. # BH601
//!     # Only the ASCII form of a name is sent.
//!     - bücher.example # BH601
//!     - xn--bcher-kva.example # BH601
//!   tls:
//!     - match:
//!         - sniHosts:
//!             - web.tenant-acme.svc.cluster.local # BH601
//!             # The name under which gateways between networks know a Service.
//!             - outbound_.80_._.web.tenant-acme.svc.cluster.local # BH601
//!       route: [{ destination: { host: web } }]
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: taken, namespace: tenant-beta }
//! spec:
//!   hosts:
//!     - web.tenant-acme.svc.cluster.local # BH601
//!     - istiod.istio-system.svc # BH601
//!     - api.example.com # BH601
//!     # Istiod adds no namespace here. A proxy in any namespace can answer to this name.
//!     - web # BH601
//!   exportTo: ["."]
//!   ports: [{ number: 80, name: http, protocol: HTTP }]
//!   resolution: DNS
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: { name: all, namespace: tenant-beta }
//! spec:
//!   host: "*.local" # BH601
//!   trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } }
//! ```
//! Routes of the Gateway API. Istiod asks for no ReferenceGrant if the parent is a Service, and gives routes of
//! connections to every caller:
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: TLSRoute
//! metadata: { name: taken, namespace: tenant-beta }
//! spec:
//!   parentRefs:
//!     - { group: "", kind: Service, name: web }
//!     - name: web # BH601
//!       namespace: tenant-acme
//!       kind: Service
//!       group: ""
//!     - name: log-collector # BH601
//!       namespace: shared-services
//!       kind: Service
//!       group: core
//!     # Another namespace can have an entry for the same host.
//!     - name: api # BH601
//!       kind: ServiceEntry
//!       group: networking.istio.io
//!   hostnames:
//!     - web.tenant-acme.svc.cluster.local # BH601
//!     - "*.example.com" # BH601
//!     # Istiod adds no namespace here.
//!     - web # BH601
//!   rules: [{ backendRefs: [{ name: web, port: 443 }] }]
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: gateway.networking.k8s.io/v1beta1
//! kind: HTTPRoute
//! metadata: { name: taken, namespace: tenant-beta }
//! spec:
//!   parentRefs:
//!     - name: web # BH601
//!       namespace: tenant-acme
//!       kind: Service
//!       group: ""
//!     - name: web # BH601
//!       namespace: tenant-acme
//!       kind: ServiceImport
//!       group: multicluster.x-k8s.io
//!   rules: [{ backendRefs: [{ name: web, port: 80 }] }]
//! ```
//! ```yaml as bob in beta-developers
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata: { name: taken, namespace: tenant-beta }
//! spec:
//!   tls:
//!     - secretName: certificate
//!       hosts:
//!         - shop.example.com # BH601
//!   rules:
//!     - host: "*.example.com" # BH601
//!     - host: web # BH601
//!     - host: "" # BH601
//! ```
//! Hosts that the tenant only calls, at a gateway for all callers:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata: { name: called, namespace: tenant-shop }
//! spec:
//!   rules:
//!     - host: api.example.net # BH601
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: called, namespace: tenant-shop }
//! spec:
//!   parentRefs: [{ name: public, namespace: istio-ingress }]
//!   hostnames:
//!     - eu.objects.example.net # BH601
//!   rules: [{ backendRefs: [{ name: web, port: 80 }] }]
//! ```
//! A grant for a name does not cover the names above it:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: wide, namespace: tenant-shop }
//! spec:
//!   hosts:
//!     - "*.example.com" # BH601
//!     - example.com # BH601
//!     - sub.api.example.net # BH601
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//!
//! ## Admitted
//! A canary of an own Service, with injected faults and a mirror:
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   hosts: [web, web.tenant-acme, web.tenant-acme.svc, web.tenant-acme.svc.cluster.local, web.tenant-acme-new.svc]
//!   http:
//!     - match: [{ headers: { end-user: { exact: jason } } }]
//!       fault: { delay: { percentage: { value: 100 }, fixedDelay: 7s } }
//!       route: [{ destination: { host: web, subset: v2 } }]
//!     - route:
//!         - { destination: { host: web, subset: v1 }, weight: 90 }
//!         - { destination: { host: web.tenant-acme.svc.cluster.local, subset: v2 }, weight: 10 }
//!       mirror: { host: web.tenant-acme-new.svc.cluster.local }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1beta1
//! kind: DestinationRule
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   host: "*.tenant-acme.svc.cluster.local"
//!   trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN }, tls: { mode: ISTIO_MUTUAL } }
//!   subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
//! ```
//! Names that the tenant serves, and a timeout for calls to a shared service:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   hosts: [shop.example.com, www.shop.example.com, "*.shop.example.com"]
//!   gateways: [istio-ingress/public]
//!   http:
//!     - route: [{ destination: { host: web } }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata: { name: logs, namespace: tenant-acme }
//! spec:
//!   hosts: [log-collector.shared-services.svc.cluster.local]
//!   exportTo: ["."]
//!   http:
//!     - timeout: 2s
//!       route: [{ destination: { host: log-collector.shared-services.svc.cluster.local } }]
//! ```
//!
//! Routes of the Gateway API for an own Service, an own gateway and a granted one:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: { name: shop, namespace: tenant-shop }
//! spec:
//!   parentRefs:
//!     - { name: edge, sectionName: https }
//!     - { name: public, namespace: istio-ingress }
//!     - { group: "", kind: Service, name: web, namespace: tenant-shop, port: 80 }
//!     - { group: networking.istio.io, kind: ServiceEntry, name: shop }
//!   hostnames: [shop.example.com, "*.shop.example.com"]
//!   rules:
//!     - matches: [{ path: { type: PathPrefix, value: /v2 } }]
//!       filters: [{ type: RequestRedirect, requestRedirect: { scheme: https, hostname: www.example.com } }]
//!     - backendRefs: [{ name: web, port: 80 }]
//! ```
//!
//! ## Limits
//! Names of Services end in `svc.cluster.local`. In a cluster with another domain, the rule reads full names as hosts
//! outside the cluster.

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule =
    Rule::refusing(ClaimKind::ServedHost, &[Owner::Anyone, Owner::Foreign, Owner::Malformed]);
