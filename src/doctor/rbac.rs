//! The permissions that RBAC grants, as several checks read them. An API server with another authorizer grants more.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::ResourceExt;

use crate::keys::AGGREGATE_TO_TENANT_LABEL;

/// The bindings of the cluster, each with the rules of its role.
#[derive(Debug, Default)]
pub(super) struct Rbac {
    pub(super) bindings: Vec<Binding>,
    /// The ClusterRoles whose rules Kubernetes adds to the permissions of all tenants' owners.
    pub(super) tenant_roles: Vec<ClusterRole>,
}

#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// The binding with kind, namespace and name.
    pub(super) name: String,
    /// The namespace of a RoleBinding; none for all namespaces and the cluster.
    pub(super) namespace: Option<String>,
    pub(super) subjects: Vec<Subject>,
    pub(super) rules: Vec<PolicyRule>,
}

impl Rbac {
    /// A role that does not exist grants nothing.
    pub(super) fn new(
        cluster_roles: Vec<ClusterRole>,
        roles: Vec<Role>,
        cluster_bindings: Vec<ClusterRoleBinding>,
        bindings: Vec<RoleBinding>,
    ) -> Self {
        let (label, value) = AGGREGATE_TO_TENANT_LABEL;
        let is_added = |role: &&ClusterRole| role.labels().get(label).is_some_and(|known| known == value);
        let tenant_roles = cluster_roles.iter().filter(is_added).cloned().collect();
        let cluster_roles: BTreeMap<String, Vec<PolicyRule>> =
            cluster_roles.into_iter().map(|role| (role.name_any(), role.rules.unwrap_or_default())).collect();
        let roles: BTreeMap<(String, String), Vec<PolicyRule>> = roles
            .into_iter()
            .map(|role| {
                ((role.namespace().unwrap_or_default(), role.name_any()), role.rules.unwrap_or_default())
            })
            .collect();
        let granted_by = |reference: &RoleRef, namespace: &str| match reference.kind.as_str() {
            "ClusterRole" => cluster_roles.get(&reference.name).cloned(),
            _ => roles.get(&(namespace.to_owned(), reference.name.clone())).cloned(),
        };
        let of_cluster = cluster_bindings.into_iter().map(|binding| Binding {
            name: format!("ClusterRoleBinding {}", binding.name_any()),
            namespace: None,
            rules: granted_by(&binding.role_ref, "").unwrap_or_default(),
            subjects: binding.subjects.unwrap_or_default(),
        });
        let of_namespaces = bindings.into_iter().map(|binding| {
            let namespace = binding.namespace().unwrap_or_default();
            let mut subjects = binding.subjects.clone().unwrap_or_default();
            // RBAC takes the binding's namespace for a service account without one.
            for account in subjects.iter_mut().filter(|subject| subject.kind == "ServiceAccount") {
                account.namespace.get_or_insert_with(|| namespace.clone());
            }
            Binding {
                name: format!("RoleBinding {namespace}/{}", binding.name_any()),
                rules: granted_by(&binding.role_ref, &namespace).unwrap_or_default(),
                subjects,
                namespace: Some(namespace),
            }
        });
        Self { bindings: of_cluster.chain(of_namespaces).collect(), tenant_roles }
    }
}

/// True if the rule allows one of the verbs on the resource, such as `pods` or `pods/exec`. Resource names are not
/// looked at.
pub(super) fn allows(rule: &PolicyRule, verbs: &[&str], group: &str, resource: &str) -> bool {
    let has = |known: Option<&Vec<String>>, wanted: &str| {
        known.into_iter().flatten().any(|known| known == wanted || known == "*")
    };
    let subresource = resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
    let resources = || rule.resources.as_ref();
    verbs.iter().any(|verb| has(Some(&rule.verbs), verb))
        && has(rule.api_groups.as_ref(), group)
        && (has(resources(), resource) || subresource.is_some_and(|any| has(resources(), &any)))
}

/// Returns a subject as the user or group of a request: true for a group.
pub(super) fn identity(subject: &Subject) -> (String, bool) {
    match subject.kind.as_str() {
        "ServiceAccount" => {
            let namespace = subject.namespace.as_deref().unwrap_or_default();
            (format!("system:serviceaccount:{namespace}:{}", subject.name), false)
        }
        kind => (subject.name.clone(), kind == "Group"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str]) -> PolicyRule {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        PolicyRule {
            verbs: owned(verbs),
            api_groups: Some(owned(groups)),
            resources: Some(owned(resources)),
            ..PolicyRule::default()
        }
    }

    #[test]
    fn wildcards_allow_resources_and_subresources() {
        let allows =
            |rule: &PolicyRule, resource: &str| super::allows(rule, &["get", "create"], "", resource);
        assert!(allows(&rule(&["create"], &[""], &["nodes/proxy"]), "nodes/proxy"));
        assert!(allows(&rule(&["*"], &["*"], &["*"]), "nodes/proxy"));
        assert!(allows(&rule(&["get"], &[""], &["*/proxy"]), "nodes/proxy"));
        assert!(!allows(&rule(&["get"], &[""], &["nodes"]), "nodes/proxy"));
        assert!(!allows(&rule(&["get"], &["apps"], &["*"]), "nodes/proxy"));
        assert!(!allows(&rule(&["delete"], &[""], &["*"]), "nodes/proxy"));
    }

    #[test]
    fn service_account_without_a_namespace_is_of_the_binding() {
        let binding = json!({
            "metadata": { "name": "b", "namespace": "mesh" }, "roleRef": { "apiGroup": "", "kind": "Role", "name": "r" },
            "subjects": [{ "kind": "ServiceAccount", "name": "gateway" }],
        });
        let bindings = serde_json::from_value::<RoleBinding>(binding).into_iter().collect();
        let rbac = Rbac::new(Vec::new(), Vec::new(), Vec::new(), bindings);
        let subjects = rbac.bindings.iter().flat_map(|binding| &binding.subjects);
        let names: Vec<(String, bool)> = subjects.map(identity).collect();
        assert_eq!(names, [("system:serviceaccount:mesh:gateway".to_owned(), false)]);
    }
}
