//! # BH407 `trusted-credential`
//!
//! ## What it refuses
//! Refuses tokens and pods of accounts that rules trust by name.
//!
//! These are the accounts of Kubernetes' controllers in `kube-system`, of gateways (`gateways`), of granted callers outside
//! tenants' namespaces (`grants.callers`) and of the platform (service accounts in `platform.users`), and every account of
//! the namespaces of the egress gateway and of `system:serviceaccounts:…` in `platform.groups`. The rule judges token requests, Secrets that Kubernetes fills with a
//! token, pods, the kinds that create pods, and commands in pods of the latter namespaces. Nodes, kube-controller-manager
//! and the platform may create them. Outside `kube-system`, so may the trusted accounts of the namespace itself. In the
//! mesh's root namespace, in Bulkhead's and in those of shared services, BH401 judges every write.
//!
//! ## Why
//! Rules and match conditions admit writes of these accounts because of their names. A user with their token, or with a
//! pod that runs as one of them, would be admitted too. Some controllers can become such an account: they may change
//! ClusterRoles, or approve certificates.
//!
//! ## What to write instead
//! Use a service account of your own.
//!
//! ## How to get it allowed
//! Ask the platform to do it, or to list the account in `platform.users`: a GitOps account that delivers Istio belongs
//! there. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata:
//!   name: replicaset-controller
//!   namespace: kube-system # BH407
//! spec: { audiences: [] }
//! ```
//! ```yaml as argocd in system:serviceaccounts
//! apiVersion: v1
//! kind: Secret
//! type: kubernetes.io/service-account-token
//! metadata:
//!   name: borrowed
//!   namespace: kube-system # BH407
//!   annotations: { kubernetes.io/service-account.name: replicaset-controller }
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: gateway
//!   namespace: istio-ingress # BH407
//! spec:
//!   serviceAccountName: public
//!   containers:
//!     - { name: gateway, image: registry.example.com/gateway:1 }
//! ```
//! ```yaml as system:serviceaccount:istio-ingress:default
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: gateway
//!   namespace: istio-ingress # BH407
//! spec:
//!   serviceAccountName: public
//!   containers:
//!     - { name: gateway, image: registry.example.com/gateway:1 }
//! ```
//! ```yaml as alice in acme-developers, in snapshot platform-accounts
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata:
//!   name: deployer
//!   namespace: gitops # BH407
//! spec: { audiences: [] }
//! ```
//! ```yaml as alice in acme-developers, in snapshot platform-accounts
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata:
//!   name: any
//!   namespace: platform-jobs # BH407
//! spec: { audiences: [] }
//! ```
//! ```yaml as argocd in system:serviceaccounts, in snapshot platform-accounts
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: scraper
//!   namespace: scraping # BH407
//! spec:
//!   serviceAccountName: scraper
//!   containers:
//!     - { name: scraper, image: registry.example.com/scraper:1 }
//! ```
//! ```yaml as system:serviceaccount:kube-system:statefulset-controller
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: rolled-back-0
//!   namespace: kube-system # BH407
//! spec:
//!   serviceAccountName: namespace-controller
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml as system:kube-controller-manager
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata: { name: replicaset-controller, namespace: kube-system }
//! spec: { audiences: [] }
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: dns, namespace: kube-system }
//! spec:
//!   serviceAccountName: coredns
//!   containers:
//!     - { name: dns, image: registry.example.com/dns:1 }
//! ```
//! ```yaml as argocd in system:serviceaccounts, in snapshot platform-accounts
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: dashboard, namespace: scraping }
//! spec:
//!   containers:
//!     - { name: dashboard, image: registry.example.com/dashboard:1 }
//! ```
//!
//! ## Limits
//! The rule judges neither impersonation nor bootstrap tokens: RBAC decides who may. Nor does it judge service accounts that
//! own a Tenant, commands in pods of `kube-system`, of gateways and of granted callers, or pods outside `kube-system` that
//! Kubernetes' controllers create from a forged ControllerRevision.

use super::{Check, Kind, Kinds, NamespaceClass, Operation, Request, Rule, RuleReport, Trust, quote};
use crate::policy::object::Object;
use crate::settings::{KUBE_SYSTEM, kube_controllers};
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Workloads, Kinds::Only(CREDENTIALS)])
    .on(&[Operation::Create, Operation::Update, Operation::Connect])
    .in_scopes(&[NamespaceClass::TrustedAccounts])
    .trusts(&[Trust::Bulkhead, Trust::Platform, Trust::Nodes, Trust::NamespaceController]);

/// Further kinds that give their writer the identity of an account.
const CREDENTIALS: &[Kind] =
    &[Kind::TokenRequest, Kind::Secret, Kind::PodExecOptions, Kind::PodAttachOptions, Kind::PodProxyOptions];

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let (namespace, _) = request.namespace();
    let account = match request.object {
        Object::TokenRequest(metadata, _) => metadata.name.as_deref(),
        Object::Secret(secret) => secret.account(),
        Object::Workload(workload) => Some(workload.service_account()),
        // The request does not say which account the pod has.
        Object::Connection(_) => Some(""),
        _ => None,
    };
    let is_trusted = |account: &&str| request.snapshot.trusts_account(namespace, account);
    let Some(account) = account.filter(is_trusted) else { return };
    // No pod runs as one of Kubernetes' controllers: a template that names one came in without being judged.
    let is_controllers_pod = namespace == KUBE_SYSTEM
        && request.kind == Kind::Pod
        && kube_controllers().any(|name| name == account);
    let is_controller = matches!(request.actor(), Actor::KubeController | Actor::KubeControllerManager);
    if request.changes_no_container()
        || (is_controller && !is_controllers_pod)
        || (namespace != KUBE_SYSTEM && request.is_trusted_account_of(namespace))
    {
        return;
    }
    let message = if account.is_empty() {
        format!("rules trust the accounts of {} by their names", quote(namespace))
    } else {
        format!("rules trust the account {} of {} by its name", quote(account), quote(namespace))
    };
    let fix = "use an account of your own, or ask the platform to do it. Its accounts are listed in the settings \
               (`platform.users`, `platform.groups`).";
    report.add(&Object::namespace_path(), message, fix);
}
