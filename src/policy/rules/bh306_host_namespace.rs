//! # BH306 `host-namespace`
//!
//! ## What it refuses
//! Refuses pods in the process or the IPC namespace of the node.
//!
//! The same holds for HostProcess containers of Windows. BH301 refuses `hostNetwork`.
//!
//! ## Why
//! In the process namespace of the node a program reads the files and the memory of every pod there, with the keys and
//! tokens of other tenants.
//!
//! ## What to write instead
//! Remove `hostPID`, `hostIPC` and `hostProcess`. An agent that needs them belongs to the platform, in a namespace of
//! its own.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH306.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: agent, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       hostPID: true # BH306
//!       hostIPC: true # BH306
//!       securityContext:
//!         windowsOptions:
//!           hostProcess: true # BH306
//!       containers:
//!         - name: agent
//!           image: registry.example.com/agent:1
//!           securityContext:
//!             windowsOptions:
//!               hostProcess: true # BH306
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: cache, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       hostPID: false
//!       hostUsers: false
//!       containers:
//!         - { name: cache, image: registry.example.com/cache:1 }
//! ```

use super::Rule;

pub(super) const RULE: Rule = Rule::limiting();
