//! # BH401 `protected-namespace`
//!
//! ## What it refuses
//! Refuses writes to protected namespaces except by the platform.
//!
//! Protected are the namespaces of shared services (`platform.sharedNamespaces`, and those of accepted SharedServices),
//! the mesh's root namespace and Bulkhead's own. The rule judges every kind, subresource and operation, such as
//! `delete`, `scale`, `exec` and `eviction`, and changes of the Namespace itself. The content does not count. Admitted are
//! the platform's accounts (`platform.users`, `platform.groups`), Bulkhead, nodes, Kubernetes' scheduler and
//! controllers, and the service accounts of the namespace itself. Service accounts of the mesh's root namespace, such as
//! istiod's, may write in every protected namespace, but not Istio's kinds: in the root namespace these configure every
//! proxy.
//!
//! Events, Leases and LocalSubjectAccessReviews are not judged. Nor are annotations that a network plugin writes
//! through `pods/status`.
//!
//! ## Why
//! A pod, a token or a changed ConfigMap in the namespace of a shared service acts as that service towards every
//! tenant. An EnvoyFilter in the mesh's root namespace changes the proxies of all tenants. Bulkhead relies on the
//! objects in its own namespace.
//!
//! ## What to write instead
//! Create the object in a namespace of your own tenant, and call the shared service by its host name.
//!
//! ## How to get it allowed
//! Ask the platform to make the change, or to list the account in `platform.users`. A GitOps account that delivers
//! Istio, Bulkhead or shared services belongs there, and so do cert-manager, autoscalers of nodes and accounts that
//! drain them. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
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
//!   namespace: bulkhead-system # BH401
//!   annotations: { kubernetes.io/service-account.name: bulkhead-controller }
//! ```
//! ```yaml as mallory in strangers, on delete
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata:
//!   name: log-collector
//!   namespace: shared-services # BH401
//! ```
//! ```yaml as system:serviceaccount:istio-system:dashboard
//! apiVersion: networking.istio.io/v1alpha3
//! kind: EnvoyFilter
//! metadata:
//!   name: unasked
//!   namespace: istio-system # BH401
//! spec: { configPatches: [] }
//! ```
//! ```yaml as mallory in strangers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: istio-system }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: istio-system # BH401
//!   labels: { istio-injection: disabled }
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
//! apiVersion: networking.istio.io/v1alpha3
//! kind: EnvoyFilter
//! metadata: { name: slow-down, namespace: istio-system }
//! spec: { configPatches: [] }
//! ```
//! ```yaml as system:serviceaccount:istio-system:istiod
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: { name: istio-ca-crl, namespace: istio-system }
//! ```
//!
//! ## Limits
//! Every account with the permission may write Leases, and so take a leader election from istiod or Bulkhead. A user who
//! may impersonate an admitted account is that account.

use super::{Check, Kind, NamespaceClass, Operation, Request, Rule, RuleReport, Trust, quote_all};
use crate::policy::object::Object;
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .all()
    .in_scopes(&[
        NamespaceClass::ClusterScoped,
        NamespaceClass::SharedService,
        NamespaceClass::MeshRoot,
        NamespaceClass::Foundation,
    ])
    .trusts(&[
        Trust::Bulkhead,
        Trust::Platform,
        Trust::Nodes,
        Trust::NamespaceController,
        Trust::KubeControllers,
    ]);

const LIST: &str =
    "ask the platform to make the change, or to list your account in `platform.users` of the settings.";

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let (namespace, path) = match request.object {
        // Another rule judges the name of a new namespace.
        Object::Namespace(_) if request.operation == Operation::Create => return,
        Object::Namespace(view) => (view.metadata.name.as_deref().unwrap_or_default(), Object::name_path()),
        _ => (request.namespace().0, Object::namespace_path()),
    };
    let Some(purpose) = request.purpose_of_protected(namespace) else { return };
    if request.kind != Kind::Namespace && request.is_by_account_of_protected(namespace) {
        return;
    }
    let (actor, fix) = match request.actor() {
        Actor::Member(tenants) => {
            let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
            let (who, place) = match names.as_slice() {
                [only] => (format!("tenant {only}"), (*only).to_owned()),
                _ => (format!("tenants {}", quote_all(&names)), "one of them".to_owned()),
            };
            let fix = if request.operation == Operation::Create {
                format!("create the object in a namespace of {place}.")
            } else {
                LIST.to_owned()
            };
            (format!("you act for {who}"), fix)
        }
        _ => ("your account is not one of them".to_owned(), LIST.to_owned()),
    };
    let message = format!("only platform accounts may write to `{namespace}`, {purpose}, and {actor}");
    report.add(&path, message, fix);
}
