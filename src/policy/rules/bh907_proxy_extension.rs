//! # BH907 `proxy-extension`
//!
//! ## What it refuses
//! Refuses proxy extensions such as EnvoyFilter in tenant namespaces.
//!
//! These are EnvoyFilter, WasmPlugin, TrafficExtension and ProxyConfig. Only the platform (`platform.users`,
//! `platform.groups`) may create and change them; every user may delete them. An object that already exists stays while
//! its spec is unchanged.
//!
//! ## Why
//! A proxy enforces what the baseline denies with filters in its configuration. Four lines of an EnvoyFilter remove
//! these filters, and mutual TLS with them, so that every pod of the cluster can connect. Code in a proxy reads every
//! request in plain text.
//!
//! ## What to write instead
//! Remove the object, or use what configures the same without changing the proxy's code: a VirtualService for headers,
//! timeouts, retries and faults; a DestinationRule for limits of connections; the annotation `proxy.istio.io/config`
//! for `concurrency`.
//!
//! ## How to get it allowed
//! Ask the platform to review the object and to apply it. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
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

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, Trust};
use crate::keys::PROXY_CONFIG_ANNOTATION;
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::EnvoyFilter, Kind::WasmPlugin, Kind::TrafficExtension, Kind::ProxyConfig])])
    .trusts(&[Trust::Platform, Trust::Bulkhead])
    .with_ratchet();

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let instead = match request.kind {
        Kind::EnvoyFilter => {
            " For headers, timeouts, retries and faults, write a VirtualService. For limits of \
             connections, write a DestinationRule."
                .to_owned()
        }
        Kind::ProxyConfig => format!(
            " For `concurrency`, write the annotation `{PROXY_CONFIG_ANNOTATION}` into the pod template."
        ),
        _ => String::new(),
    };
    report.add(
        &Object::kind_path(),
        "only the platform may write this kind: it can remove the baseline's checks from the proxies",
        format!("remove it, or ask the platform to review and apply it.{instead}"),
    );
}
