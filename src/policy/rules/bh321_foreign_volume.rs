//! # BH321 `foreign-volume`
//!
//! ## What it refuses
//! Refuses claims that choose an existing volume.
//!
//! These are `volumeName`, `selector` and `dataSourceRef.namespace` of a PersistentVolumeClaim, of a claim template of a
//! StatefulSet, and of an `ephemeral` volume of a pod. Kubernetes itself writes `volumeName` when it binds a claim.
//!
//! ## Why
//! A volume belongs to no namespace. A claim that names one gets its data, if no other claim is bound to it.
//!
//! ## What to write instead
//! Remove this field, so that the storage class creates a volume, or ask the platform to create the claim. For data in
//! your own namespace, use a `dataSource`.
//!
//! ## How to get it allowed
//! The platform creates the claim. List the account of a backup tool that restores claims with their volumes, such as
//! Velero, in `platform.users` of the settings. For a StatefulSet or a pod, ask the platform for an Exemption of BH321.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: { name: stolen, namespace: tenant-acme }
//! spec:
//!   accessModes: [ReadWriteOnce]
//!   volumeName: beta-database # BH321
//!   selector: # BH321
//!     matchLabels: { app: database }
//!   dataSourceRef:
//!     apiGroup: snapshot.storage.k8s.io
//!     kind: VolumeSnapshot
//!     namespace: tenant-beta # BH321
//!     name: database
//!   resources: { requests: { storage: 1Gi } }
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: { name: pending, namespace: tenant-acme }
//! spec: { accessModes: [ReadWriteOnce] }
//! ---
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: { name: pending, namespace: tenant-acme }
//! spec:
//!   accessModes: [ReadWriteOnce]
//!   volumeName: beta-database # BH321
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: apps/v1
//! kind: StatefulSet
//! metadata: { name: database, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//!       volumes:
//!         - name: scratch
//!           ephemeral:
//!             volumeClaimTemplate:
//!               spec:
//!                 volumeName: beta-scratch # BH321
//!   volumeClaimTemplates:
//!     - metadata: { name: data }
//!       spec:
//!         volumeName: beta-database # BH321
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: { name: restored, namespace: tenant-acme }
//! spec:
//!   accessModes: [ReadWriteOnce]
//!   storageClassName: fast
//!   dataSource: { apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: before-upgrade }
//!   resources: { requests: { storage: 1Gi } }
//! ```
//! Kubernetes binds a claim:
//! ```yaml as system:serviceaccount:kube-system:persistent-volume-binder, on update
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: { name: data, namespace: tenant-acme }
//! spec: { accessModes: [ReadWriteOnce] }
//! ---
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: { name: data, namespace: tenant-acme }
//! spec: { accessModes: [ReadWriteOnce], volumeName: pvc-0a1b2c }
//! ```
//!
//! ## Limits
//! Kubernetes can bind any claim to a volume that has its storage class and no `claimRef`. Set `claimRef` in each
//! PersistentVolume that you create. An audit does not list claims: it cannot tell who chose the volume.

use super::{Kind, Kinds, Request, Rule, Trust};

pub(super) const RULE: Rule = Rule::limiting()
    .kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::PersistentVolumeClaim])])
    .except(is_trusted_claim);

/// Kubernetes' controllers create claims from templates that are judged themselves, and bind them.
fn is_trusted_claim(request: &Request<'_>) -> bool {
    request.kind == Kind::PersistentVolumeClaim && request.is_by(&[Trust::KubeControllers, Trust::Platform])
}
