//! The kinds that RBAC lets tenants write, and that no rule judges.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::ResourceExt;
use kube::api::ApiResource;

use super::rbac::{Binding, Rbac, allows, identity};
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::audit::unknown_resources;
use crate::keys::AGGREGATE_TO_TENANT_LABEL;
use crate::snapshot::{Actor, NamespaceOwner, Snapshot, User};

pub(super) const CHECK: Check = Check {
    name: "tenant-kinds",
    severity: Severity::Warning,
    expects: "RBAC lets tenants write in their namespaces only kinds that rules judge, that the settings list in \
              `platform.reservedKinds`, `platform.reviewedKinds` or `podTemplates`, or that are harmless. ClusterRoles \
              that add permissions to those of owners name each resource and verb, and add no verb that gives more.",
    run: |inspection| Box::pin(run(inspection)),
};

const WRITES: &[&str] = &["create", "update", "patch"];
/// Verbs with which owners could give themselves what they do not have.
const ESCALATING: [&str; 3] = ["bind", "escalate", "impersonate"];
/// Groups of which members of tenants are members too.
const WIDE_GROUPS: [&str; 3] = ["system:authenticated", "system:serviceaccounts", "system:unauthenticated"];

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let resources = unknown_resources(inspection.client(), &inspection.settings).await;
    let resources = resources.map_err(|error| Unread::request("failed to read `/apis`", &error))?;
    let snapshot = inspection.snapshot().await?;
    let rbac = inspection.rbac().await?;
    let mut problems = judge(&resources, rbac, &snapshot);
    problems.extend(rbac.tenant_roles.iter().filter_map(judge_role));
    Ok(problems)
}

fn judge(resources: &[ApiResource], rbac: &Rbac, snapshot: &Snapshot) -> Vec<Problem> {
    let mut writers: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for binding in rbac.bindings.iter().filter(|binding| reaches_tenants(binding, snapshot)) {
        let tenants: BTreeSet<String> = binding
            .subjects
            .iter()
            .map(identity)
            .filter(|(name, is_group)| acts_for_a_tenant(snapshot, name, *is_group))
            .map(|(name, _)| name)
            .collect();
        if tenants.is_empty() {
            continue;
        }
        for resource in resources {
            if binding.rules.iter().any(|rule| allows(rule, WRITES, &resource.group, &resource.plural)) {
                writers.entry((&resource.group, &resource.plural)).or_default().insert(format!(
                    "{} ({})",
                    binding.name,
                    sample(&tenants)
                ));
            }
        }
    }
    for role in &rbac.tenant_roles {
        for resource in resources {
            let mut rules = role.rules.iter().flatten();
            if rules.any(|rule| allows(rule, WRITES, &resource.group, &resource.plural)) {
                let name = format!("ClusterRole {} (all tenants)", role.name_any());
                writers.entry((&resource.group, &resource.plural)).or_default().insert(name);
            }
        }
    }
    let problem = |((group, plural), writers): ((&str, &str), BTreeSet<String>)| {
        let object = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        Problem::warning(
            object,
            format!("tenants may write this kind, and no rule judges it: {}", sample(&writers)),
            "review its controller. List the kind in `platform.reservedKinds` if it acts for authors outside their namespace, \
             otherwise in `platform.reviewedKinds`, or remove the permission",
        )
    };
    writers.into_iter().map(problem).collect()
}

/// Judges a role whose rules are added to the permissions of all owners.
fn judge_role(role: &ClusterRole) -> Option<Problem> {
    let gives = |rule: &&PolicyRule| {
        let lists = [Some(&rule.verbs), rule.api_groups.as_ref(), rule.resources.as_ref()];
        lists.into_iter().flatten().flatten().any(|text| text.contains('*'))
            || rule.verbs.iter().any(|verb| ESCALATING.contains(&verb.as_str()))
    };
    role.rules.iter().flatten().find(gives).map(|rule| {
        Problem::warning(
            format!("ClusterRole {}", role.name_any()),
            format!(
                "adds the verbs {} on {} to the permissions of all tenants' owners",
                rule.verbs.join(", "),
                rule.resources.iter().flatten().cloned().collect::<Vec<_>>().join(", ")
            ),
            format!(
                "name each resource and verb, without `{}`, or remove the label `{}`",
                ESCALATING.join("`, `"),
                AGGREGATE_TO_TENANT_LABEL.0
            ),
        )
    })
}

/// Returns the first three names.
fn sample(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn reaches_tenants(binding: &Binding, snapshot: &Snapshot) -> bool {
    binding.namespace.as_deref().is_none_or(|namespace| is_tenants(snapshot, namespace))
}

fn is_tenants(snapshot: &Snapshot, namespace: &str) -> bool {
    matches!(snapshot.owner(namespace), Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_)))
}

fn acts_for_a_tenant(snapshot: &Snapshot, name: &str, is_group: bool) -> bool {
    if is_group {
        let namespace = name.strip_prefix(crate::api::SERVICE_ACCOUNTS_GROUP);
        let user = User { name: "", groups: vec![name] };
        return WIDE_GROUPS.contains(&name)
            || namespace.is_some_and(|namespace| is_tenants(snapshot, namespace))
            || matches!(snapshot.actor(&user), Actor::Member(_));
    }
    matches!(snapshot.actor(&User { name, groups: Vec::new() }), Actor::Member(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::rbac::v1::Subject;
    use kube::api::GroupVersionKind;
    use serde_json::json;

    use super::*;
    use crate::api::TenantSpec;
    use crate::settings::Settings;
    use crate::snapshot::{ClusterState, Namespace, Tenant};

    fn snapshot() -> Snapshot {
        let owners = json!({ "owners": [{ "kind": "Group", "name": "green" }] });
        let spec: TenantSpec = serde_json::from_value(owners).unwrap_or_default();
        let namespace = Namespace { tenant: Some("green".to_owned()), ..Namespace::default() };
        let state = ClusterState {
            tenants: vec![Arc::new(Tenant::new("green".to_owned(), 0, spec))],
            namespaces: vec![("tenant-green".into(), Arc::new(namespace))],
            ..ClusterState::default()
        };
        Snapshot::new(Arc::new(Settings::default()), state)
    }

    fn count(namespace: Option<&str>, group: &str) -> usize {
        let all = || vec!["*".to_owned()];
        let rule = PolicyRule {
            verbs: all(),
            api_groups: Some(all()),
            resources: Some(all()),
            ..PolicyRule::default()
        };
        let subject = Subject { kind: "Group".to_owned(), name: group.to_owned(), ..Subject::default() };
        let binding = Binding {
            name: "RoleBinding tenant-green/test".to_owned(),
            namespace: namespace.map(str::to_owned),
            subjects: vec![subject],
            rules: vec![rule],
        };
        let rollouts = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout"));
        judge(&[rollouts], &Rbac { bindings: vec![binding], ..Rbac::default() }, &snapshot()).len()
    }

    /// Returns the objects of the problems of a labelled role with one rule.
    fn problems_of_role(group: &str, resource: &str, verb: &str) -> Vec<String> {
        let role = json!({
            "metadata": { "name": "more" },
            "rules": [{ "apiGroups": [group], "resources": [resource], "verbs": [verb] }],
        });
        let tenant_roles: Vec<ClusterRole> = serde_json::from_value(role).into_iter().collect();
        let widgets = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Widget"));
        let rbac = Rbac { tenant_roles, ..Rbac::default() };
        let mut problems = judge(&[widgets], &rbac, &snapshot());
        problems.extend(rbac.tenant_roles.iter().filter_map(judge_role));
        problems.into_iter().map(|problem| problem.object).collect()
    }

    #[test]
    fn roles_for_owners_that_add_unjudged_kinds_or_escalate_are_found() {
        assert_eq!(problems_of_role("example.com", "widgets", "create"), ["widgets.example.com"]);
        assert_eq!(problems_of_role("example.com", "widgets", "get"), [""; 0]);
        assert_eq!(problems_of_role("apps", "deployments", "create"), [""; 0]);
        let rbac = "rbac.authorization.k8s.io";
        for (group, resource, verb) in [
            (rbac, "roles", "escalate"),
            (rbac, "clusterroles", "bind"),
            ("", "serviceaccounts", "impersonate"),
            ("", "*", "get"),
            ("", "pods/*", "get"),
            ("*", "pods", "get"),
            ("", "pods", "*"),
        ] {
            assert_eq!(problems_of_role(group, resource, verb), ["ClusterRole more"], "{resource} {verb}");
        }
    }

    #[test]
    fn kinds_that_tenants_may_write_are_found() {
        assert_eq!(count(Some("tenant-green"), "green"), 1);
        assert_eq!(count(None, "green"), 1);
        assert_eq!(count(None, "system:authenticated"), 1);
        assert_eq!(count(Some("tenant-green"), "system:serviceaccounts:tenant-green"), 1);
        assert_eq!(count(Some("other"), "green"), 0);
        assert_eq!(count(None, "operators"), 0);
    }
}
