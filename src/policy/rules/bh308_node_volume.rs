//! # BH308 `node-volume`
//!
//! ## What it refuses
//! Refuses volumes from the node and from unlisted CSI drivers.
//!
//! The node's files and its network mounts are refused. Volumes of these kinds are allowed: `configMap`, `secret`,
//! `projected`, `downwardAPI`, `emptyDir`, `image`, `persistentVolumeClaim` and `ephemeral`. A mount must not have `mountPropagation: Bidirectional`.
//!
//! ## Why
//! `hostPath` reads the tokens and keys of every pod on the node, and reaches the container runtime. The node mounts
//! network volumes itself, so no network policy applies to them. A CSI driver acts with the rights of the node.
//!
//! ## What to write instead
//! Use a `persistentVolumeClaim`. For a time zone, set the variable `TZ` or use an image that has the zones. Logs of
//! pods are collected by the platform.
//!
//! ## How to get it allowed
//! The platform lists CSI drivers in the setting `allowedCsiDrivers`, such as `secrets-store.csi.k8s.io`.
//! For one workload, ask the platform for an Exemption of BH308.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: node-files, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           volumeMounts:
//!             - name: kubelet
//!               mountPath: /var/lib/kubelet
//!               mountPropagation: Bidirectional # BH308
//!       volumes:
//!         - name: kubelet
//!           hostPath: # BH308
//!             path: /var/lib/kubelet
//!         - name: shared
//!           nfs: # BH308
//!             server: nfs.example.com
//!             path: /
//!         - name: identity
//!           csi:
//!             driver: csi.spiffe.io # BH308
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: own-volumes, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           volumeMounts:
//!             - { name: data, mountPath: /data, mountPropagation: HostToContainer }
//!       volumes:
//!         - { name: data, persistentVolumeClaim: { claimName: data } }
//!         - { name: scratch, emptyDir: { medium: Memory } }
//!         - { name: settings, configMap: { name: settings } }
//!         - { name: model, image: { reference: registry.example.com/model:1 } }
//! ```
//! The platform has listed this driver:
//! ```yaml as alice in acme-developers, in snapshot csi-drivers
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: own-secrets, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//!       volumes:
//!         - name: secrets
//!           csi:
//!             driver: secrets-store.csi.k8s.io
//!             readOnly: true
//!             volumeAttributes: { secretProviderClass: acme }
//! ```
//!
//! ## Limits
//! BH321 judges claims. Do not let tenants create a PersistentVolume: it can name a folder of the node.

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
