//! # BH907 `proxy-extension`
//!
//! ## What it does
//! Refuses what rewrites the mesh's proxies in a tenant's namespace, written by anybody but the platform.
//!
//! That is every EnvoyFilter, WasmPlugin, TrafficExtension and ProxyConfig. Whoever acts for the platform is named in
//! the settings (`platform.users`, `platform.groups`). What was there before stays while its spec does.
//!
//! ## Why it matters
//! What the baseline denies, a proxy refuses, by filters in its configuration. Four lines of an EnvoyFilter take them
//! out, mutual TLS with them, and everybody in the cluster arrives; code in a proxy sees every request in plain text.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1alpha3
//! kind: EnvoyFilter # BH907
//! metadata: { name: nobody-asks, namespace: tenant-acme }
//! spec:
//!   configPatches:
//!     - applyTo: HTTP_FILTER
//!       match:
//!         context: SIDECAR_INBOUND
//!         listener:
//!           filterChain:
//!             filter:
//!               name: envoy.filters.network.http_connection_manager
//!               subFilter: { name: envoy.filters.http.rbac }
//!       patch: { operation: REMOVE }
//! ```
//! ```yaml as system:serviceaccount:argocd:application-controller
//! apiVersion: extensions.istio.io/v1alpha1
//! kind: WasmPlugin # BH907
//! metadata: { name: listener, namespace: tenant-acme }
//! spec: { url: "oci://registry.example.com/listener:1" }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1beta1
//! kind: ProxyConfig # BH907
//! metadata: { name: other, namespace: tenant-acme }
//! spec: { environmentVariables: { ISTIO_META_DNS_CAPTURE: "false" } }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: networking.istio.io/v1alpha3
//! kind: EnvoyFilter
//! metadata: { name: slow-down, namespace: tenant-acme }
//! spec: { configPatches: [] }
//! ```
//! ```yaml as alice in acme-developers, on delete
//! apiVersion: networking.istio.io/v1alpha3
//! kind: EnvoyFilter
//! metadata: { name: slow-down, namespace: tenant-acme }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::kind::{Kind, Operation};
use crate::policy::path::Path;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH907",
    name: "proxy-extension",
    kinds: &[&[
        Kind::Policy(baseline::Kind::EnvoyFilter),
        Kind::WasmPlugin,
        Kind::TrafficExtension,
        Kind::ProxyConfig,
    ]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh907_proxy_extension.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let is_the_platforms = matches!(scope.actor(), Actor::Platform | Actor::Bulkhead);
    if scope.operation != Operation::Delete && !is_the_platforms {
        findings.report(
            &Path::of(&["kind"]),
            "it rewrites what the proxies do, what the baseline has them refuse among it",
            "remove it, or ask the platform to write it",
        );
    }
}
