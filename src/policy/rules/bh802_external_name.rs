//! # BH802 `external-name`
//!
//! ## What it refuses
//! Refuses Services that lead to a foreign host by `externalName`.
//!
//! The host may be a Service of the tenant, written as `NAME.NAMESPACE.svc.cluster.local`, the Service of a reached shared
//! service, or a host in `reach.hosts`. Any other name of the cluster is foreign, also that of a pod, which contains an
//! address. An address is refused, and so is a name without a dot: programs complete it in different ways.
//!
//! ## Why
//! Gateways and proxies follow the name with their own access to the network: a route to the tenant's own Service would
//! lead them to a Service of another tenant, to the API server or to the metadata of a node.
//!
//! ## What to write instead
//! Write the full name of a Service in a namespace of your own.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.reach.hosts`. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: api, namespace: tenant-acme }
//! spec:
//!   type: ExternalName
//!   externalName: kubernetes.default.svc.cluster.local # BH802
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   type: ExternalName
//!   externalName: web.tenant-beta.svc.cluster.local # BH802
//! ```
//! This name belongs to another DNS than the cluster's:
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   type: ExternalName
//!   externalName: web.tenant-acme.svc.example.com # BH802
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   type: ExternalName
//!   externalName: 10-1-0-7.tenant-acme.pod.cluster.local # BH802
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: node, namespace: tenant-acme }
//! spec:
//!   type: ExternalName
//!   externalName: 169.254.169.254 # BH802
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: own, namespace: tenant-acme }
//! spec:
//!   type: ExternalName
//!   externalName: localhost # BH802
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: v1
//! kind: Service
//! metadata: { name: queues, namespace: tenant-delta }
//! spec:
//!   type: ExternalName
//!   externalName: queues.example.net # BH802
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { type: ExternalName, externalName: web-0.web.tenant-acme-new.svc.cluster.local. }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Service
//! metadata: { name: logs, namespace: tenant-acme }
//! spec: { type: ExternalName, externalName: log-collector.shared-services.svc.cluster.local }
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: v1
//! kind: Service
//! metadata: { name: database, namespace: tenant-delta }
//! spec: { type: ExternalName, externalName: db.example.net }
//! ```
//! ```yaml as dora in delta-developers, in snapshot reached-addresses
//! apiVersion: v1
//! kind: Service
//! metadata: { name: orders, namespace: tenant-delta }
//! spec: { type: ExternalName, externalName: orders.queues.example.net }
//! ```
//!
//! ## Limits
//! In a cluster whose domain is not `cluster.local`, names of the tenant's own Services are refused too. The rule does not
//! compare the ports of the Service with the grant, and does not know the addresses to which a granted host leads.

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::ExternalName, &[Owner::Foreign, Owner::Malformed]);
