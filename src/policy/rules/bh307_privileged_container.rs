//! # BH307 `privileged-container`
//!
//! ## What it refuses
//! Refuses containers with rights on the node or on its network.
//!
//! The limits are those of the level `baseline` of the
//! [Pod Security Standards](https://kubernetes.io/docs/concepts/security/pod-security-standards/). The rule reads `privileged`, added capabilities, `procMount`, seccomp, AppArmor, SELinux and sysctls, of the pod and
//! of its own containers. Istio's `istio-init` needs `NET_ADMIN`, so a namespace
//! without istio-cni cannot have the label `pod-security.kubernetes.io/enforce`: the rule refuses the same, except in
//! Istio's containers, which BH304 judges.
//!
//! A seccomp profile of the pod must be `RuntimeDefault`, because Istio's containers inherit it.
//!
//! ## Why
//! With `NET_ADMIN` a program removes the redirection to the Istio proxy, and with `NET_RAW` it sends packets past it. A
//! privileged container has the rights of root on the node, and so the keys of every pod there.
//!
//! ## What to write instead
//! Remove the field. A build in a container works without it (Buildah, BuildKit or Kaniko without root). `ping` works
//! with the sysctl `net.ipv4.ping_group_range`. To debug a pod, use `kubectl debug --profile=baseline`, because
//! the default profile adds `SYS_PTRACE`.
//!
//! ## How to get it allowed
//! For one workload, ask the platform for an Exemption of BH307.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: batch/v1
//! kind: Job
//! metadata: { name: docker-in-docker, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         container.apparmor.security.beta.kubernetes.io/docker: unconfined # BH307
//!     spec:
//!       securityContext:
//!         seccompProfile:
//!           type: Localhost # BH307
//!           localhostProfile: profiles/audit.json
//!         appArmorProfile:
//!           type: Unconfined # BH307
//!         sysctls:
//!           - name: net.ipv4.conf.all.route_localnet # BH307
//!             value: "1"
//!       containers:
//!         - name: docker
//!           image: registry.example.com/docker:1
//!           securityContext:
//!             privileged: true # BH307
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: more-rights, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       initContainers:
//!         - name: flush
//!           image: registry.example.com/app:1
//!           securityContext:
//!             capabilities:
//!               add:
//!                 - NET_ADMIN # BH307
//!                 - net_raw # BH307
//!                 - CAP_SYS_PTRACE # BH307
//!                 - ALL # BH307
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           securityContext:
//!             procMount: Unmasked # BH307
//!             seccompProfile:
//!               type: Unconfined # BH307
//!             seLinuxOptions:
//!               user: system_u # BH307
//!               role: system_r # BH307
//!               type: spc_t # BH307
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: few-rights, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       securityContext:
//!         seccompProfile: { type: RuntimeDefault }
//!         sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: "0" }]
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           securityContext:
//!             privileged: false
//!             allowPrivilegeEscalation: false
//!             capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] }
//!             seccompProfile: { type: Localhost, localhostProfile: profiles/app.json }
//!             seLinuxOptions: { type: container_t, level: "s0:c123,c456" }
//! ```
//!
//! ## Limits
//! The runtime gives `NET_RAW`, `SETUID` and `SETGID` to containers of root by default. A container that drops them is
//! safer: with `NET_RAW` a program sends raw packets past the redirection, and with `SETUID` it can become the proxy's
//! user. The network policies of the baseline hold for both.

use super::{Check, Kind, Kinds, Rule, limits};

/// The table of keys has a row for AppArmor.
pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(limits::refuse_keys)).kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::Binding])]);
