//! # BH903 `foreign-subject`
//!
//! ## What it refuses
//! Refuses RoleBindings that give rights in the tenant to others.
//!
//! A subject may be a service account of the tenant's namespaces, the group `system:serviceaccounts:NAMESPACE` of one of
//! them, an owner of the Tenant, or an account, a user or a group of the platform. The platform may bind any subject.
//!
//! ## Why
//! Kubernetes lets an owner give away the rights that they have. With these rights others read the tenant's Secrets and
//! run programs with its identity, also the pods of another tenant.
//!
//! ## What to write instead
//! Bind service accounts of your own namespaces, or owners of your tenant.
//!
//! ## How to get it allowed
//! Ask the platform to write the binding, to list the subject in `Tenant.spec.owners`, or, if its namespace is the
//! platform's, in `platform.namespaces` of the settings. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while their subjects and their role stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: RoleBinding
//! metadata: { name: readers, namespace: tenant-acme }
//! roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
//! subjects:
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated" } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:unauthenticated" } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts" } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:tenant-beta" } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: beta-developers } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous" } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:serviceaccount:tenant-beta:web" } # BH903
//!   - { apiGroup: rbac.authorization.k8s.io, kind: User, name: bob } # BH903
//!   - { kind: ServiceAccount, namespace: tenant-beta, name: web } # BH903
//!   - { kind: ServiceAccount, namespace: unknown, name: web } # BH903
//! ```
//! ```yaml as system:serviceaccount:argocd:application-controller
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: RoleBinding
//! metadata: { name: readers, namespace: tenant-acme }
//! roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
//! subjects:
//!   - { kind: ServiceAccount, namespace: tenant-beta, name: web } # BH903
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: RoleBinding
//! metadata: { name: operators, namespace: tenant-acme }
//! roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator }
//! subjects:
//!   - { kind: ServiceAccount, namespace: tenant-acme, name: operator }
//!   - { kind: ServiceAccount, namespace: tenant-acme-new, name: operator }
//!   - { kind: ServiceAccount, namespace: shared-services, name: log-collector }
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:tenant-acme" }
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: acme-developers }
//!   - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:masters" }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: RoleBinding
//! metadata: { name: auditors, namespace: tenant-acme }
//! roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
//! subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: auditors }]
//! ```
//!
//! ## Limits
//! The rule does not judge the rights in a Role: Kubernetes refuses to every user the rights that they do not have
//! themselves. A deployment tool with every right can give every right in the tenant's namespace. Rules about content
//! apply whatever RBAC allows. Bindings in namespaces of no tenant are not judged. An audit does not judge bindings,
//! because a stored object does not show if the platform wrote it.

use super::{Rule, Trust};
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule =
    Rule::refusing(ClaimKind::Subject, &[Owner::Anyone, Owner::Foreign, Owner::Malformed])
        .trusts(&[Trust::KubeControllers, Trust::Platform])
        .with_ratchet();
