//! # BH406 `mesh-root-certificate`
//!
//! ## What it refuses
//! Refuses a root certificate of the mesh that istiod did not write.
//!
//! istiod writes the certificate to the ConfigMap `istio-ca-root-cert` of each namespace, and revoked certificates to
//! `istio-ca-crl`. The rule admits the service accounts of the mesh's root namespace, and the platform.
//!
//! ## Why
//! A proxy trusts the control plane and the callers that this certificate confirms. A proxy that starts with a forged one
//! obeys another control plane.
//!
//! ## What to write instead
//! Choose another name for your ConfigMap. istiod creates and updates these two.
//!
//! ## How to get it allowed
//! Never for tenants. If istiod runs outside the cluster, the platform lists its account in `platform.users` of the
//! settings. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: ConfigMap
//! metadata:
//!   name: istio-ca-root-cert # BH406
//!   namespace: tenant-acme
//! data: { root-cert.pem: forged }
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: { name: settings, namespace: tenant-acme }
//! data: { color: blue }
//! ```
//! ```yaml as system:serviceaccount:istio-system:istiod
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: { name: istio-ca-root-cert, namespace: tenant-acme }
//! data: { root-cert.pem: genuine }
//! ```
//!
//! ## Limits
//! Tenants can delete these ConfigMaps, and istiod creates them again. An audit does not list them, because they do not
//! show who wrote them.

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, Trust, quote};
use crate::policy::object::{MetadataAt, Object};

/// The ConfigMaps that istiod writes into each namespace.
pub const MESH_CONFIG_MAPS: [&str; 2] = ["istio-ca-crl", "istio-ca-root-cert"];

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(check)).kinds(&[Kinds::Only(&[Kind::ConfigMap])]).trusts(&[Trust::Platform]);

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    let name = metadata.metadata.name.as_deref().unwrap_or_default();
    let is_by_istiod = request.is_service_account_in(&request.snapshot.settings.mesh_root);
    if MESH_CONFIG_MAPS.contains(&name) && !is_by_istiod {
        let message = format!("{} decides which control plane and which callers proxies trust", quote(name));
        report.add(&Object::name_path(), message, "choose another name: istiod writes this ConfigMap.");
    }
}
