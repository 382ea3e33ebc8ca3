//! # BH908 `unknown-field`
//!
//! ## What it refuses
//! Refuses fields that this version of Bulkhead does not know.
//!
//! Bulkhead has a table of all fields of each kind that it judges ([the tables](../../../docs/fields.md); `bulkhead
//! explain --fields KIND` prints one). A field that is missing there is newer than Bulkhead, or is served by another
//! extension of the API.
//!
//! ## Why
//! A new field can open what the other rules close, as `hostUsers` and `resourceClaims` could when they were new.
//!
//! ## What to write instead
//! Remove the field.
//!
//! ## How to get it allowed
//! Ask the platform to list the field in the setting `allowedFields`, by kind and path: `Pod: [spec.newField]`. A field
//! of pods is then allowed in pod templates too. `bulkhead audit` prints the fields that the API server serves and
//! Bulkhead does not know, so that the platform can decide before it upgrades Kubernetes or Istio. The rule only warns
//! for tenants with `enforcement: Observe`, for objects that already violated it while the fields that the rules read
//! stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       shareEverything: true # BH908
//!       containers:
//!         - name: web
//!           image: registry.example.com/web:1
//!           network: host # BH908
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   mtls: { mode: STRICT }
//!   exceptFor: # BH908
//!     - tenant-beta
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   template: { spec: { containers: [{ name: web, image: "registry.example.com/web:1" }] } }
//! ---
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   template: { spec: { containers: [{ name: web, image: "registry.example.com/web:1" }] } }
//!   everywhere: true # BH908
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       terminationGracePeriodSeconds: 5
//!       containers: [{ name: web, image: "registry.example.com/web:1", workingDir: /srv }]
//! ```
//! ```yaml as alice in acme-developers, in snapshot allowed-fields
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       newField: { anything: 1 }
//!       containers: [{ name: web, image: "registry.example.com/web:1", livenessProbe: { newProbe: {} } }]
//! ```

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, Trust, quote};
use crate::policy::fields::place_in_table;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Workloads, Kinds::Routes, Kinds::Only(JUDGED_BY_CONTENT)])
    .with_ratchet();

/// The kinds in tenants' namespaces that are judged under any name.
const JUDGED_BY_CONTENT: &[Kind] = &[
    Kind::Binding,
    Kind::PersistentVolumeClaim,
    Kind::ConfigMap,
    Kind::Secret,
    Kind::ServiceAccount,
    Kind::TokenRequest,
    Kind::Service,
    Kind::Endpoints,
    Kind::EndpointSlice,
    Kind::VirtualService,
    Kind::DestinationRule,
    Kind::Gateway,
    Kind::Ingress,
    Kind::ServiceMonitor,
    Kind::PodMonitor,
    Kind::WorkloadEntry,
    Kind::WorkloadGroup,
    Kind::NetworkPolicy,
    Kind::AuthorizationPolicy,
    Kind::PeerAuthentication,
    Kind::RequestAuthentication,
    Kind::Sidecar,
    Kind::ServiceEntry,
    Kind::Telemetry,
    Kind::LimitRange,
    Kind::RoleBinding,
];

fn check(request: &Request<'_>, report: &mut RuleReport) {
    // The kubelets request the tokens of pods. Most objects have no unknown field, and the user need not be known.
    if request.found.unknown.is_empty() || request.is_by(&[Trust::Nodes]) {
        return;
    }
    for field in &request.found.unknown {
        let path = request.found.path(field.place);
        let (kind, pattern) = place_in_table(request.kind, &path);
        if request.snapshot.settings.allows_field(kind, &pattern) {
            continue;
        }
        report.add_with(&path, || {
            let name = quote(&pattern);
            let kind = kind.name();
            (
                format!("Bulkhead does not know the field {name}, and it can open what the rules close"),
                format!(
                    "remove it, or ask the platform to list it in the setting `allowedFields` (`{kind}: [{pattern}]`)."
                ),
            )
        });
    }
}
