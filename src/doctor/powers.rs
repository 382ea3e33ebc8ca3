//! The permissions with which an account is above Bulkhead's rules.

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::Severity;
use super::rbac::{Binding, allows};
use crate::certs::{AUTHORITY_SECRET, CERTIFICATE_SECRET};
use crate::kinds::OWN_GROUP;
use crate::registration::CONFIGURATION_NAME;
use crate::settings::Settings;

/// A set of permissions that have the same effect.
pub(super) struct Power {
    /// The effect, after "may".
    pub(super) effect: &'static str,
    pub(super) severity: Severity,
    grants: &'static [Grant],
    /// True for a resource name to which the permission may be limited and still have the effect.
    covers: fn(&Settings, &str) -> bool,
}

struct Grant {
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    scope: Scope,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Cluster,
    /// Bulkhead's own namespace and the mesh's root namespace.
    SystemNamespaces,
}

const fn grant(
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    scope: Scope,
) -> Grant {
    Grant { verbs, group, resources, scope }
}

const WRITES: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
const READS: &[&str] = &["get", "list", "watch"];

pub(super) const POWERS: &[Power] = &[
    Power {
        effect: "change webhook configurations",
        severity: Severity::Error,
        grants: &[grant(
            WRITES,
            "admissionregistration.k8s.io",
            &[
                "validatingwebhookconfigurations",
                "mutatingwebhookconfigurations",
                "mutatingadmissionpolicies",
                "mutatingadmissionpolicybindings",
            ],
            Scope::Cluster,
        )],
        covers: |_, name| name == CONFIGURATION_NAME,
    },
    Power {
        effect: "impersonate the platform",
        severity: Severity::Error,
        grants: &[
            grant(&["impersonate"], "", &["users", "groups"], Scope::Cluster),
            grant(&["impersonate"], "", &["serviceaccounts"], Scope::SystemNamespaces),
            // Constrained impersonation.
            grant(&["impersonate:user-info"], "authentication.k8s.io", &["users", "groups"], Scope::Cluster),
            grant(
                &["impersonate:serviceaccount"],
                "authentication.k8s.io",
                &["serviceaccounts"],
                Scope::SystemNamespaces,
            ),
        ],
        covers: |settings, name| {
            settings.platform_users.contains(name)
                || settings.platform_groups.contains(name)
                || settings.controller.ends_with(&format!(":{name}"))
                || name == "istiod"
        },
    },
    Power {
        effect: "give itself any permission",
        severity: Severity::Error,
        grants: &[grant(
            &["bind", "escalate"],
            "rbac.authorization.k8s.io",
            &["clusterroles"],
            Scope::Cluster,
        )],
        covers: |_, name| name == "cluster-admin",
    },
    Power {
        effect: "run commands in every pod, through `nodes/proxy`",
        severity: Severity::Error,
        grants: &[grant(&["get", "create"], "", &["nodes/proxy"], Scope::Cluster)],
        covers: |_, _| true,
    },
    Power {
        effect: "change and delete the kinds of Bulkhead",
        severity: Severity::Warning,
        grants: &[grant(WRITES, "apiextensions.k8s.io", &["customresourcedefinitions"], Scope::Cluster)],
        covers: |_, name| name.ends_with(&format!(".{OWN_GROUP}")),
    },
    Power {
        effect: "request tokens of Bulkhead and istiod",
        severity: Severity::Warning,
        grants: &[grant(&["create"], "", &["serviceaccounts/token"], Scope::SystemNamespaces)],
        covers: |_, _| true,
    },
    Power {
        effect: "read the keys of the mesh and of the webhook",
        severity: Severity::Warning,
        grants: &[grant(READS, "", &["secrets"], Scope::SystemNamespaces)],
        covers: |_, name| {
            [AUTHORITY_SECRET, CERTIFICATE_SECRET, "istio-ca-secret", "cacerts"].contains(&name)
        },
    },
    Power {
        effect: "sign or approve certificates of other users",
        severity: Severity::Warning,
        grants: &[grant(&["approve", "sign"], "certificates.k8s.io", &["signers"], Scope::Cluster)],
        covers: |_, name| ["kubernetes.io/*", "kubernetes.io/kube-apiserver-client"].contains(&name),
    },
];

impl Power {
    /// True if the binding gives its subjects this power.
    pub(super) fn is_given_by(&self, binding: &Binding, settings: &Settings, system: &[&str]) -> bool {
        let applies = |scope: Scope| match &binding.namespace {
            None => true,
            Some(namespace) => scope == Scope::SystemNamespaces && system.contains(&namespace.as_str()),
        };
        let covers = |rule: &PolicyRule| match rule.resource_names.as_deref() {
            None | Some([]) => true,
            Some(names) => names.iter().any(|name| (self.covers)(settings, name)),
        };
        self.grants.iter().filter(|grant| applies(grant.scope)).any(|grant| {
            binding.rules.iter().filter(|rule| covers(rule)).any(|rule| {
                grant.resources.iter().any(|resource| allows(rule, grant.verbs, grant.group, resource))
            })
        })
    }
}
