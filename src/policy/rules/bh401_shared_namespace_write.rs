//! # BH401 `shared-namespace-write`
//!
//! ## What it refuses
//! Refuses writes to shared namespaces except by the platform.
//!
//! The rule judges workloads, bindings, service accounts, tokens, token Secrets, VirtualServices, and objects of the
//! baseline's kinds. The settings list the namespaces (`platform.sharedNamespaces`) and the platform's accounts
//! (`platform.users`, `platform.groups`). Nodes, Kubernetes' controllers and the service accounts of the namespace
//! itself are admitted too.
//!
//! ## Why
//! A pod in that namespace, or a token of one of its accounts, acts as the shared service towards every tenant that
//! calls the service and every policy that allows it.
//!
//! ## What to write instead
//! Create the object in a namespace of your own tenant, and call the shared service by its host name.
//!
//! ## How to get it allowed
//! Ask the platform to make the change, or to list the account in `platform.users`: a GitOps account that delivers
//! shared services belongs there. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
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

use super::{Check, Kind, Kinds, NamespaceClass, Operation, Request, Rule, RuleReport, Trust, quote_all};
use crate::policy::object::Object;
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Workloads, Kinds::Only(IDENTITY_KINDS), Kinds::Managed])
    .on(&[Operation::Create, Operation::Update, Operation::Delete])
    .in_scopes(&[NamespaceClass::SharedService])
    .trusts(&[
        Trust::Bulkhead,
        Trust::Platform,
        Trust::Nodes,
        Trust::NamespaceController,
        Trust::KubeControllers,
    ]);

/// Further kinds that can take, lend or weaken the identity of an account.
const IDENTITY_KINDS: &[Kind] =
    &[Kind::Binding, Kind::ServiceAccount, Kind::TokenRequest, Kind::Secret, Kind::VirtualService];

const LIST: &str =
    "ask the platform to make the change, or to list your account in `platform.users` of the settings.";

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let (namespace, _) = request.namespace();
    if request.is_service_account_in(namespace) {
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
    let message = format!(
        "only platform accounts may write to `{namespace}`, the namespace of shared services, and {actor}"
    );
    report.add(&Object::namespace_path(), message, fix);
}
