//! # BH322 `device-claim`
//!
//! ## What it refuses
//! Refuses pods that claim devices of the node (`resourceClaims`).
//!
//! A pod names a ResourceClaim or a ResourceClaimTemplate, and does not show its device class.
//!
//! ## Why
//! A network card of the pod's own leads past the mesh and the network policies. Other devices can give a program access
//! to the memory of the node.
//!
//! ## What to write instead
//! Remove `resourceClaims`. For a GPU, request the extended resource of its device plugin, such as `nvidia.com/gpu`.
//!
//! ## How to get it allowed
//! The platform lists claims and templates by name in the setting `allowedResourceClaims`. For one workload, ask the
//! platform for an Exemption of BH322.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: with-a-card, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       resourceClaims:
//!         - { name: card, resourceClaimTemplateName: network-card } # BH322
//!         - { name: others, resourceClaimName: others } # BH322
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           resources: { claims: [{ name: card }] }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: with-a-gpu, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           resources: { limits: { nvidia.com/gpu: "1" } }
//! ```
//! The platform has listed this claim:
//! ```yaml as alice in acme-developers, in snapshot resource-claims
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: with-a-device, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       resourceClaims: [{ name: gpu, resourceClaimName: gpu }]
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           resources: { claims: [{ name: gpu }] }
//! ```
//!
//! ## Limits
//! With the permission to write ResourceClaims, a tenant can give any claim a listed name. Extended resources are not
//! judged. A device plugin can add a network card as one: limit them with
//! `Tenant.spec.namespaceQuota`.

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
