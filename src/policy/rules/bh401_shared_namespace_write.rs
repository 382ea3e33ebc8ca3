//! # BH401 `shared-namespace-write`
//!
//! ## What it does
//! Refuses what anybody but the platform writes in a namespace in which shared services run.
//!
//! Workloads, service accounts, tokens, policies and roles there are the platform's; so is what the
//! controllers of Kubernetes make of them, and what the service accounts of that namespace do in it. The
//! namespaces are listed in the settings (`platform.sharedNamespaces`), and so are the platform's users: a
//! GitOps account that delivers shared services is one of them.
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
//! ```yaml as argocd in system:serviceaccounts
//! apiVersion: v1
//! kind: Secret
//! type: kubernetes.io/service-account-token
//! metadata:
//!   name: borrowed
//!   namespace: shared-services # BH401
//!   annotations: { kubernetes.io/service-account.name: log-collector }
//! ```
//! ```yaml as mallory in strangers, on delete
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata:
//!   name: only-from-tenants
//!   namespace: shared-services # BH401
//! ```
//!
//! ## Admitted
//! ```yaml as system:serviceaccount:kube-system:replicaset-controller
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: log-collector-5d8f-x2, namespace: shared-services }
//! spec:
//!   serviceAccountName: log-collector
//!   containers:
//!     - { name: collector, image: registry.example.com/log-collector:1 }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: log-collector, namespace: shared-services }
//! spec:
//!   serviceAccountName: log-collector
//!   containers:
//!     - { name: collector, image: registry.example.com/log-collector:1 }
//! ```

use super::{Findings, POLICIES, Place, Retry, Rule, Scope, WORKLOADS};
use crate::policy::kind::Kind;
use crate::policy::path::Path;
use crate::policy::quote_all;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH401",
    name: "shared-namespace-write",
    kinds: &[WORKLOADS, IDENTITY, POLICIES],
    places: &[Place::Shared],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh401_shared_namespace_write.rs"),
    check,
};

/// Whatever else can take, lend or weaken the identity of an account.
const IDENTITY: &[Kind] =
    &[Kind::Binding, Kind::ServiceAccount, Kind::TokenRequest, Kind::Secret, Kind::VirtualService];

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (namespace, _) = scope.namespace();
    let message = match scope.actor() {
        Actor::Bulkhead
        | Actor::Platform
        | Actor::Node
        | Actor::NamespaceController
        | Actor::Controller
        | Actor::AnyController => return,
        Actor::Other | Actor::Member(_) if scope.user_lives_in(namespace) => return,
        Actor::Other => format!("`{namespace}` is a shared service's, and you do not act for the platform"),
        Actor::Member(tenants) => {
            let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
            format!("`{namespace}` is a shared service's, and you act for {}", quote_all(&names))
        }
    };
    let fix = "write it in a namespace of your own; call the service by its name";
    findings.report(&Path::of(&["metadata", "namespace"]), message, fix);
}
