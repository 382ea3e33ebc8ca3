//! # BH808 `route-key`
//!
//! ## What it refuses
//! Refuses labels and annotations of routes that configure gateways.
//!
//! The rule judges Ingresses and routes of the Gateway API. Of the domains of Kubernetes, ingress controllers, external-dns
//! and cert-manager, only [the listed keys](../../../docs/keys.md#routes) are allowed. On VirtualServices and Gateways of
//! Istio, the rule refuses the keys of DNS controllers. On an object that exists, only keys that change are judged.
//!
//! ## Why
//! An ingress controller writes such annotations into the configuration of a proxy that serves all tenants. They can add
//! hosts and paths of others, lead calls anywhere, and read the keys of all certificates. External-dns writes names of
//! others into the platform's DNS zones, and cert-manager orders certificates for them.
//!
//! ## What to write instead
//! Remove the key.
//!
//! ## How to get it allowed
//! Ask the platform to list the key in the setting `allowedRouteKeys`. The rule only warns for tenants with
//! `enforcement: Observe`, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: shop
//!   namespace: tenant-shop
//!   annotations:
//!     nginx.ingress.kubernetes.io/configuration-snippet: return 200; # BH808
//!     nginx.ingress.kubernetes.io/upstream-vhost: web.tenant-acme # BH808
//!     nginx.ingress.kubernetes.io/proxy-read-timeout: "60; return 200" # BH808
//!     traefik.ingress.kubernetes.io/router.middlewares: tenant-acme-auth@kubernetescrd # BH808
//!     haproxy.org/backend-config-snippet: http-request return # BH808
//!     external-dns.alpha.kubernetes.io/hostname: www.example.com # BH808
//!     external-dns.kubernetes.io/target: www.example.com # BH808
//!     ingress.gcp.kubernetes.io/pre-shared-cert: shop # BH808
//!     zalando.org/skipper-routes: Path("/") -> <shunt> # BH808
//!     cert-manager.io/common-name: www.example.com # BH808
//!     kubernetes.io/ingress.global-static-ip-name: address # BH808
//!     kubernetes.io/ingress.regional-static-ip-name: address # BH808
//! spec:
//!   rules: [{ host: shop.example.com }]
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata:
//!   name: shop
//!   namespace: tenant-shop
//!   annotations:
//!     external-dns.alpha.kubernetes.io/target: www.example.com # BH808
//!     konghq.com/plugins: mine # BH808
//! spec: { hostnames: [shop.example.com] }
//! ```
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata:
//!   name: shop
//!   namespace: tenant-shop
//!   annotations:
//!     external-dns.alpha.kubernetes.io/target: www.example.com # BH808
//!     external-dns.kubernetes.io/hostname: www.example.com # BH808
//!     dns.gardener.cloud/dnsnames: www.example.com # BH808
//! spec: { hosts: [shop.example.com] }
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: shop
//!   namespace: tenant-shop
//!   labels: { app.kubernetes.io/name: shop, helm.sh/chart: shop-1, team: shop }
//!   annotations:
//!     kubernetes.io/ingress.class: nginx
//!     kubernetes.io/tls-acme: "true"
//!     kubernetes.io/change-cause: rollout
//!     nginx.ingress.kubernetes.io/ssl-redirect: "true"
//!     nginx.ingress.kubernetes.io/proxy-body-size: 8m
//!     nginx.ingress.kubernetes.io/proxy-read-timeout: "60"
//!     cert-manager.io/cluster-issuer: letsencrypt
//! spec:
//!   rules: [{ host: shop.example.com }]
//! ```
//! A solver of cert-manager:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: cm-acme-http-solver-x
//!   namespace: tenant-shop
//!   labels: { acme.cert-manager.io/http01-solver: "true" }
//!   annotations: { nginx.ingress.kubernetes.io/whitelist-source-range: "0.0.0.0/0,::/0" }
//! spec:
//!   rules: [{ host: shop.example.com }]
//! ```
//!
//! ## Limits
//! Keys of other controllers are not known.

use super::{Check, Kind, Kinds, Rule, limits};

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(limits::refuse_keys)).kinds(&[Kinds::Only(KINDS), Kinds::Routes]);

const KINDS: &[Kind] = &[Kind::Ingress, Kind::VirtualService, Kind::Gateway];
