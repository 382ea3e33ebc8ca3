//! # BH310 `proxy-volume`
//!
//! ## What it refuses
//! Refuses volumes that give an application the proxy's credentials.
//!
//! These are: a projected service account token for the mesh (`audience: istio-ca`); a mount of one of the
//! proxy's volumes, such as `istio-token`, in any container but the proxy; and a volume with the name of one of
//! them that differs from Istio's. A waypoint that BH304 admits may have these volumes. A `podCertificate` volume must name a signer that the platform listed.
//!
//! ## Why
//! With the proxy's token or key a program acts as this service account in the whole mesh, wherever it runs, and no
//! sidecar or network policy limits it. With another trust root the proxy believes another control plane.
//!
//! ## What to write instead
//! Use an audience of your own for projected tokens, and other names for your volumes.
//!
//! ## How to get it allowed
//! The platform lists signers in the setting `allowedSigners`. For one workload, ask the platform for an Exemption of
//! BH310.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: token, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - name: app
//!       image: registry.example.com/app:1
//!       volumeMounts:
//!         - { name: mine, mountPath: /mine }
//!         - { name: istio-token, mountPath: /theirs } # BH310
//!         - { name: workload-socket, mountPath: /sds, readOnly: true } # BH310
//!   volumes:
//!     - name: mine
//!       projected:
//!         sources:
//!           - configMap: { name: harmless }
//!           - serviceAccountToken:
//!               audience: istio-ca # BH310
//!               expirationSeconds: 86400
//!               path: token
//!     - name: istio-token
//!       projected: { defaultMode: 420, sources: [{ serviceAccountToken: { audience: istio-ca, expirationSeconds: 43200, path: istio-token } }] }
//!     - { name: istiod-ca-cert, configMap: { name: mine } } # BH310
//!     - { name: istio-envoy, hostPath: { path: /tmp } } # BH308 BH310
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: token, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: app
//!           image: registry.example.com/app:1
//!           volumeMounts:
//!             - { name: istio-data, mountPath: /data } # BH310
//!       volumes:
//!         - { name: istio-data, emptyDir: {} } # BH310
//!         - name: mine
//!           projected:
//!             sources:
//!               - serviceAccountToken: { audience: istio-ca, path: token } # BH310
//! ```
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: certified, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//!       volumes:
//!         - name: certificate
//!           projected:
//!             sources:
//!               - podCertificate:
//!                   signerName: mesh.example.com/workloads # BH310
//!                   keyType: ED25519
//!                   credentialBundlePath: bundle.pem
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: vault, namespace: tenant-acme }
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - name: app
//!       image: registry.example.com/app:1
//!       volumeMounts: [{ name: vault, mountPath: /vault }]
//!   volumes:
//!     - name: vault
//!       projected: { sources: [{ serviceAccountToken: { audience: vault, path: token } }] }
//!     - name: istio-token
//!       projected: { defaultMode: 420, sources: [{ serviceAccountToken: { audience: istio-ca, expirationSeconds: 43200, path: istio-token } }] }
//! ```
//!
//! ## Limits
//! Other volumes that a mesh mounts into its proxies (`mountMtlsCerts`, a CSI driver) are not known to this rule; BH304
//! refuses such proxies.

use super::{Check, Request, Retry, Rule, RuleReport, quote};
use crate::kinds::Operation;
use crate::policy::object::{Stage, Volume, Workload};
use crate::policy::proxy::{self, MESH_AUDIENCE};

pub(super) const RULE: Rule = Rule::new(Check::Workload(check));

fn check(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    if request.is_waypoint() {
        return;
    }
    if request.seems_waypoint() {
        report.may_change(Retry::Relearn);
    }
    let is_mesh_volume =
        |name: &str| proxy::is_mesh_volume(name) || request.injected_volumes(name).next().is_some();
    for container in workload.containers().filter(|container| *container.name != *proxy::PROXY_CONTAINER) {
        let mounts = container.volume_mounts().elements();
        for mount in mounts.filter(|mount| is_mesh_volume(&mount.value.name)) {
            report.add(
                &mount.path,
                format!(
                    "{} belongs to the Istio proxy, and holds the credentials of its identity",
                    quote(&mount.value.name)
                ),
                "remove this mount.",
            );
        }
    }
    for volume in workload.volumes().elements() {
        if !is_mesh_volume(&volume.value.name) {
            for source in proxy::mesh_tokens(volume.value) {
                report.add(
                    &volume.token_audience_path(source),
                    format!("with a token for `{MESH_AUDIENCE}` a program acts as this service account in the whole mesh"),
                    "use an audience of your own. Istio mounts the proxy's token.",
                );
            }
        } else if workload.stage == Stage::Authored || !is_injected(request, volume.value) {
            report.add(
                &volume.path,
                format!(
                    "{} is the name of a volume that Istio injects, and differs from it",
                    quote(&volume.value.name)
                ),
                "give your volume another name.",
            );
        }
    }
}

/// True if the injector can have added this volume: an existing pod may be older than the references.
fn is_injected(request: &Request<'_>, volume: &Volume<'_>) -> bool {
    let mut known = request.injected_volumes(&volume.name).peekable();
    let is_new = request.stage() == Stage::Mutated && request.operation == Operation::Create;
    let is_exact = is_new && known.peek().is_some();
    proxy::is_as_injected(volume, known) || !is_exact && proxy::is_of_istio(volume)
}
