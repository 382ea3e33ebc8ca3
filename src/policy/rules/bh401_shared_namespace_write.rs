//! # BH401 `shared-namespace-write`
//!
//! ## What it does
//! Refuses what a tenant's member writes in a namespace in which shared services run.
//!
//! Workloads, service accounts, tokens and policies there are the platform's; so is what its controllers make
//! of them. The namespaces are listed in the settings (`platform.sharedNamespaces`).
//!
//! ## Why it matters
//! A pod in that namespace, or a token of an account of it, is the shared service to every tenant that calls
//! it, and to every policy that lets it in.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: helper
//!   namespace: shared-services # BH401
//! spec:
//!   serviceAccountName: log-collector
//!   containers:
//!     - { name: helper, image: registry.example.com/helper:1 }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata:
//!   name: log-collector
//!   namespace: shared-services # BH401
//! spec: { audiences: [istio-ca] }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: log-collector, namespace: shared-services }
//! spec:
//!   serviceAccountName: log-collector
//!   containers:
//!     - { name: collector, image: registry.example.com/log-collector:1 }
//! ```

use super::{Findings, Place, Rule, Scope};
use crate::policy::kind::Kind;
use crate::policy::path::Path;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH401",
    name: "shared-namespace-write",
    kinds: IDENTITY,
    place: Place::Shared,
    guards: &[],
    ratchet: false,
    passing: false,
    source: include_str!("bh401_shared_namespace_write.rs"),
    check,
};

/// Whatever can take, or lend, the identity of an account.
const IDENTITY: &[Kind] = &[
    Kind::Pod,
    Kind::Binding,
    Kind::ReplicationController,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::CronJob,
    Kind::ServiceAccount,
    Kind::TokenRequest,
    Kind::Secret,
    Kind::VirtualService,
];

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    if let Actor::Member(tenants) = scope.actor() {
        let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        let (namespace, _) = scope.namespace();
        findings.report(
            &Path::of(&["metadata", "namespace"]),
            format!("`{namespace}` is a shared service's, and you act for {}", names.join(", ")),
            "write it in a namespace of your own; call the service by its name",
        );
    }
}
