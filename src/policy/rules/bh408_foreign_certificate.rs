//! # BH408 `foreign-certificate`
//!
//! ## What it refuses
//! Refuses requests for certificates with the name of somebody else.
//!
//! The rule reads the names in a `CertificateSigningRequest`. The common name is the username and the organizations are the
//! groups with which the API server would know the owner of the certificate. Refused are names that begin with `system:`,
//! names of the platform and of members of other tenants, and identities of the mesh (`spiffe:`). Only the service accounts
//! of the mesh's root namespace request the latter.
//!
//! ## Why
//! Rules decide by the user of a request. A certificate with another name makes its owner that user, as soon as an account
//! with the permission to approve or a controller approves it without a look into it.
//!
//! ## What to write instead
//! Request a certificate with your own username and groups, or none of them.
//!
//! ## How to get it allowed
//! Ask the platform to do it, or to list the account in `platform.users`: a controller that issues certificates for users
//! belongs there. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: scheduler }
//! spec:
//!   signerName: kubernetes.io/kube-apiserver-client
//!   usages: [client auth]
//!   request: # BH408
//!     "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHZk1GTUNBUUF3SURFZU1Cd0dBMVVFQXd3VmMzbHpkR1Z0T210MVltV\
//!     XRjMk5vWldSMWJHVnlNQ293QlFZRApLMlZ3QXlFQTltNjhyUVVuZWtxbGJRcDdrZWFBWm5mM042YUN6Wk5zb0VDaTBxNmFPcHlnQURBRk\
//!     JnTXJaWEFEClFRQlR5R2d1VnZQRkF5OVRZOTZGTGE2RFc1L0hYSUNBZ1QxblJaYXQ3NWEwQ25ldURYcnR1NUtKZDdqa3h1bXcKM3A5NzF\
//!     XTnR0R3ZTaThyc0pUS29YTFlGCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo="
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: member }
//! spec:
//!   signerName: kubernetes.io/kube-apiserver-client
//!   usages: [client auth]
//!   request: # BH408
//!     "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHcE1GMENBUUF3S2pFWU1CWUdBMVVFQ2d3UFltVjBZUzFrWlhabGJHO\
//!     XdaWEp6TVE0d0RBWURWUVFEREFWagpZWEp2YkRBcU1BVUdBeXRsY0FNaEFQWnV2SzBGSjNwS3BXMEtlNUhtZ0daMzl6ZW1nczJUYktCQW\
//!     90S3VtanFjCm9BQXdCUVlESzJWd0EwRUFJZTl0QUVsRFZEdWlGME52dG1veTRUMkk3N21rMm5FM2Z1UVI1RW1XbHpsbHpIbk8KUzR0ejl\
//!     meUdCNUVhYlpPaVQvR3dMeVAzWDJzQ3VnNWJIR2wvQVE9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"
//! ```
//! ```yaml as argocd in system:serviceaccounts
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: workload }
//! spec:
//!   signerName: example.com/mesh
//!   usages: [client auth]
//!   request: # BH408
//!     "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIZE1JR1FBZ0VBTUE4eERUQUxCZ05WQkFvTUJHMWxjMmd3S2pBRkJnT\
//!     XJaWEFESVFEMmJyeXRCU2Q2U3FWdApDbnVSNW9CbWQvYzNwb0xOazJ5Z1FLTFNycG82bktCT01Fd0dDU3FHU0liM0RRRUpEakUvTUQwd0\
//!     93WURWUjBSCkJEUXdNb1l3YzNCcFptWmxPaTh2WTJ4MWMzUmxjaTVzYjJOaGJDOXVjeTkwWlc1aGJuUXRZbVYwWVM5ellTOWsKWldaaGR\
//!     XeDBNQVVHQXl0bGNBTkJBQUlJV0hnQzBuT0VCOGFpbklaNnBsVmVNcTV2VnBYU0tJdmJRSHRNNnluSQp3Ykw4WDNCdnNySCsvVzdPMHQy\
//!     dzRJWUMyV3M3aUdsaUcwVEhTN1dMdncwPQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: unreadable }
//! spec:
//!   signerName: kubernetes.io/kube-apiserver-client
//!   usages: [client auth]
//!   request: # BH408
//!     "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=="
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: alice }
//! spec:
//!   signerName: kubernetes.io/kube-apiserver-client
//!   usages: [client auth]
//!   request:
//!     "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHcE1GMENBUUF3S2pFWU1CWUdBMVVFQ2d3UFlXTnRaUzFrWlhabGJHO\
//!     XdaWEp6TVE0d0RBWURWUVFEREFWaApiR2xqWlRBcU1BVUdBeXRsY0FNaEFQWnV2SzBGSjNwS3BXMEtlNUhtZ0daMzl6ZW1nczJUYktCQW\
//!     90S3VtanFjCm9BQXdCUVlESzJWd0EwRUFFRTZNZHhNcndmT2hFemIrajlhME1NZWU4dXFhZkNEdVVtR2xCUHFvcU00bzkxODYKM0E2bzF\
//!     VVEM3aWhtNnZqcjF0MmphamtvRVBaeFMrcHhLSmlMQkE9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"
//! ```
//! ```yaml as root in system:masters
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: scheduler }
//! spec:
//!   signerName: kubernetes.io/kube-apiserver-client
//!   usages: [client auth]
//!   request:
//!     "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHZk1GTUNBUUF3SURFZU1Cd0dBMVVFQXd3VmMzbHpkR1Z0T210MVltV\
//!     XRjMk5vWldSMWJHVnlNQ293QlFZRApLMlZ3QXlFQTltNjhyUVVuZWtxbGJRcDdrZWFBWm5mM042YUN6Wk5zb0VDaTBxNmFPcHlnQURBRk\
//!     JnTXJaWEFEClFRQlR5R2d1VnZQRkF5OVRZOTZGTGE2RFc1L0hYSUNBZ1QxblJaYXQ3NWEwQ25ldURYcnR1NUtKZDdqa3h1bXcKM3A5NzF\
//!     XTnR0R3ZTaThyc0pUS29YTFlGCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo="
//! ```
//!
//! ## Limits
//! Approval and signing are matters of RBAC. The API server sends no requests to the signers of kubelets' certificates, which
//! sign the names of nodes alone. Kinds of others that issue certificates, such as those of cert-manager, are not judged.

use super::{Check, Request, Rule, RuleReport, Trust, quote};
use crate::policy::object::{CertificateNames, CertificateRequest, KUBELET_SIGNERS};
use crate::snapshot::{Actor, User};

pub(super) const RULE: Rule =
    Rule::new(Check::CertificateRequest(check)).trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(request: &Request<'_>, certificate: &CertificateRequest<'_>, report: &mut RuleReport) {
    if KUBELET_SIGNERS.contains(&certificate.signer()) {
        return;
    }
    let path = CertificateRequest::request_path();
    let Some(names) = certificate.names() else {
        let message = "Bulkhead cannot read this request, so it does not know the names in it";
        let fix = "write one PEM block `CERTIFICATE REQUEST` in base64, with names in UTF-8.";
        return report.add(&path, message, fix);
    };
    if let Some(finding) = foreign_user(request, &names) {
        let fix =
            "request a certificate with your own username and groups, or ask the platform to request it.";
        report.add(&path, finding, fix);
    }
    if names.has_mesh_identity && !request.is_service_account_in(&request.snapshot.settings.mesh_root) {
        let message = "only Istio requests certificates for identities of the mesh (`spiffe:`)";
        report.add(&path, message, "remove this name. The sidecar requests the certificate of its pod.");
    }
}

/// Says whose names these are, if they are not the user's own.
fn foreign_user(request: &Request<'_>, names: &CertificateNames) -> Option<String> {
    let groups: Vec<&str> = names.groups.iter().map(String::as_str).collect();
    // Without a common name only the groups count.
    let users = || names.users.iter().map(String::as_str).chain([""]);
    if let Some(name) = users().chain(groups.iter().copied()).find(|name| name.starts_with("system:")) {
        return Some(format!("only components of Kubernetes have the name {}", quote(name)));
    }
    users().find_map(|name| {
        let user = User { name, groups: groups.clone() };
        let who = match request.snapshot.actor(&user) {
            _ if request.snapshot.is_break_glass(&user) => "a break-glass account",
            Actor::Other => return None,
            Actor::Member(tenants) if tenants.iter().all(|tenant| request.actor().acts_for(&tenant.name)) => {
                return None;
            }
            Actor::Member(_) => "a member of another tenant",
            _ => "an account of the platform",
        };
        Some(format!("its owner would be {who}"))
    })
}
