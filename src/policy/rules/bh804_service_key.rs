//! # BH804 `service-key`
//!
//! ## What it refuses
//! Refuses keys of Services and ServiceEntries that move traffic.
//!
//! Of Istio's and Kubernetes' own domains, only [the listed keys](../../../docs/keys.md#services) are allowed. Of other
//! domains, those of load balancers, gateways and links between clusters are refused. On a Service that exists, only
//! keys that change are judged. Of a ServiceEntry, the labels that select a waypoint are judged.
//!
//! ## Why
//! With such a key a Service takes an address or a DNS name of the platform, becomes the gateway of a network of the mesh,
//! is accepted under another identity, or is reached past the granted gateways. A label of a ServiceEntry sends the
//! calls to its hosts through another tenant's waypoint, or past its own.
//!
//! ## What to write instead
//! Remove the key.
//!
//! ## How to get it allowed
//! Ask the platform to list the key in the setting `allowedServiceKeys`. The rule only warns for tenants with
//! `enforcement: Observe`, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   labels:
//!     topology.istio.io/network: network-2 # BH804
//!     istio.io/global: "true" # BH804
//!     istio.io/use-waypoint: theirs # BH804
//!   annotations:
//!     networking.istio.io/exportTo: .,tenant-beta # BH804
//!     alpha.istio.io/canonical-serviceaccounts: spiffe://cluster.local/ns/tenant-beta/sa/web # BH804
//!     external-dns.alpha.kubernetes.io/hostname: www.example.com # BH804
//!     metallb.io/loadBalancerIPs: 203.0.113.7 # BH804
//!     service.beta.kubernetes.io/aws-load-balancer-internal: "true" # BH804
//!     cloud.google.com/neg: '{"exposed_ports": {"80":{"name": "web"}}}' # BH804
//! spec:
//!   selector: { app: web }
//!   ports: [{ port: 80 }]
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme, annotations: { metallb.io/loadBalancerIPs: 203.0.113.7 } }
//! spec: { selector: { app: web }, ports: [{ port: 80 }] }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   annotations:
//!     metallb.io/loadBalancerIPs: 203.0.113.8 # BH804
//! spec: { selector: { app: web }, ports: [{ port: 80 }] }
//! ```
//!
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata:
//!   name: payments
//!   namespace: tenant-acme
//!   labels:
//!     istio.io/use-waypoint: none # BH804
//!     istio.io/use-waypoint-namespace: tenant-beta # BH804
//!     istio.io/use-waypoint-canary: waypoint # BH804
//! spec: { hosts: [web.tenant-acme.svc.cluster.local], exportTo: ["."], resolution: DNS }
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: web, namespace: tenant-acme, labels: { istio.io/use-waypoint: waypoint, team: web } }
//! spec: { hosts: [web.tenant-acme.svc.cluster.local], exportTo: ["."], resolution: DNS }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/name: web, helm.sh/chart: web-1, istio.io/use-waypoint: waypoint, team: web }
//!   annotations:
//!     networking.istio.io/exportTo: .,tenant-acme-new
//!     networking.istio.io/traffic-distribution: PreferClose
//!     prometheus.io/scrape: "true"
//!     service.kubernetes.io/topology-mode: Auto
//!     cloud.google.com/neg: '{"ingress":true}'
//! spec: { selector: { app: web }, ports: [{ port: 80 }] }
//! ```
//! A controller has added a key, and the tenant changes something else:
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme, annotations: { metallb.io/loadBalancerIPs: 203.0.113.7 } }
//! spec: { selector: { app: web }, ports: [{ port: 80 }] }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme, annotations: { metallb.io/loadBalancerIPs: 203.0.113.7, a: b } }
//! spec: { selector: { app: web }, ports: [{ port: 81 }] }
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: v1
//! kind: Service
//! metadata:
//!   name: web
//!   namespace: tenant-delta
//!   annotations: { service.beta.kubernetes.io/aws-load-balancer-internal: "true" }
//! spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 443 }] }
//! ```
//!
//! ## Limits
//! Keys of other load balancers and gateways are not known.

use super::{Check, Kind, Kinds, Rule, limits};

pub(super) const RULE: Rule = Rule::new(Check::Metadata(limits::refuse_keys))
    .kinds(&[Kinds::Only(&[Kind::Service, Kind::ServiceEntry])]);
