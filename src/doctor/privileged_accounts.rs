//! The accounts that can switch Bulkhead off or act as a trusted account, and are not the platform's in the settings.

use std::collections::{BTreeMap, BTreeSet};

use super::powers::POWERS;
use super::rbac::{Rbac, identity};
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::api::{SERVICE_ACCOUNTS_GROUP, service_account};
use crate::settings::{
    CONTROLLER_MANAGER, KUBE_SYSTEM, Settings, kube_controller_accounts, kube_controllers,
};

pub(super) const CHECK: Check = Check {
    name: "privileged-accounts",
    severity: Severity::Error,
    expects: "RBAC gives these permissions to the platform's accounts of the settings, to Kubernetes' own and to those in the \
              namespaces of Bulkhead and istiod alone: to write webhook configurations, to impersonate, to bind and escalate \
              roles, `nodes/proxy`; and as a warning: CRDs, tokens and Secrets in the namespaces of Bulkhead and istiod, \
              and signing and approving certificates.",
    run: |inspection| Box::pin(run(inspection)),
};

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let mut problems = judge(inspection.rbac().await?, &inspection.settings, &inspection.service.namespace);
    problems.push(Problem::info(
        "Group system:masters",
        "its members may do everything. They are in client certificates, and no API lists them: read the issuer's records",
    ));
    Ok(problems)
}

/// The powers of one account, and the bindings that give them.
#[derive(Default)]
struct Account<'r> {
    powers: BTreeSet<usize>,
    bindings: BTreeSet<&'r str>,
}

fn judge(rbac: &Rbac, settings: &Settings, own_namespace: &str) -> Vec<Problem> {
    let system = [own_namespace, settings.mesh_root.as_str()];
    let mut accounts: BTreeMap<(bool, String), Account<'_>> = BTreeMap::new();
    for binding in &rbac.bindings {
        let powers = POWERS.iter().enumerate();
        let given = powers.filter(|(_, power)| power.is_given_by(binding, settings, &system));
        let given: Vec<usize> = given.map(|(index, _)| index).collect();
        if given.is_empty() {
            continue;
        }
        for (name, is_group) in binding.subjects.iter().map(identity) {
            if !is_trusted(settings, &name, is_group, &system) {
                let account = accounts.entry((is_group, name)).or_default();
                account.powers.extend(&given);
                account.bindings.insert(&binding.name);
            }
        }
    }
    accounts.into_iter().map(|((is_group, name), account)| account.problem(is_group, &name)).collect()
}

impl Account<'_> {
    fn problem(&self, is_group: bool, name: &str) -> Problem {
        let powers = || self.powers.iter().filter_map(|index| POWERS.get(*index));
        let severity = powers().map(|power| power.severity).min().unwrap_or(Severity::Warning);
        let effects: Vec<&str> = powers().map(|power| power.effect).collect();
        let bindings: Vec<&str> = self.bindings.iter().copied().collect();
        let (kind, key) = if is_group { ("Group", "platform.groups") } else { ("User", "platform.users") };
        Problem::new(
            severity,
            format!("{kind} {name}"),
            format!("may {}, by {}", effects.join("; "), bindings.join(", ")),
            format!("remove these permissions, or list the account in `{key}` if it acts for the platform"),
        )
    }
}

/// True if the account acts for the platform, or is one of Kubernetes, of Bulkhead or of istiod.
fn is_trusted(settings: &Settings, name: &str, is_group: bool, system: &[&str]) -> bool {
    let groups = || settings.platform_groups.iter().chain(&settings.break_glass_groups);
    let is_listed_group = |group: &str| groups().any(|known| known == group);
    if is_group {
        let namespace = name.strip_prefix(SERVICE_ACCOUNTS_GROUP);
        return is_listed_group(name) || namespace.is_some_and(|namespace| system.contains(&namespace));
    }
    match service_account(name) {
        Some((namespace, account)) => {
            settings.platform_users.contains(name)
                || is_listed_group(&format!("{SERVICE_ACCOUNTS_GROUP}{namespace}"))
                || system.contains(&namespace)
                || (namespace == KUBE_SYSTEM && kube_controllers().any(|known| known == account))
        }
        None => {
            settings.platform_users.contains(name)
                || name == CONTROLLER_MANAGER
                || kube_controller_accounts().any(|known| known == name)
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::{PolicyRule, Subject};

    use super::super::rbac::Binding;
    use super::*;

    fn subject(kind: &str, namespace: Option<&str>, name: &str) -> Subject {
        Subject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            ..Subject::default()
        }
    }

    fn rule(verb: &str, group: &str, resource: &str, name: Option<&str>) -> PolicyRule {
        PolicyRule {
            verbs: vec![verb.to_owned()],
            api_groups: Some(vec![group.to_owned()]),
            resources: Some(vec![resource.to_owned()]),
            resource_names: name.map(|name| vec![name.to_owned()]),
            ..PolicyRule::default()
        }
    }

    fn found(namespace: Option<&str>, subject: Subject, rule: PolicyRule) -> Option<Severity> {
        let binding = Binding {
            name: "ClusterRoleBinding test".to_owned(),
            namespace: namespace.map(str::to_owned),
            subjects: vec![subject],
            rules: vec![rule],
        };
        let rbac = Rbac { bindings: vec![binding], ..Rbac::default() };
        let found = judge(&rbac, &Settings::default(), "bulkhead-system");
        found.first().map(|problem| problem.severity)
    }

    #[test]
    fn every_permission_above_the_rules_is_found() {
        use Severity::{Error, Warning};
        const ADMISSION: &str = "admissionregistration.k8s.io";
        let of_stranger = |namespace, rule| found(namespace, subject("Group", None, "strangers"), rule);
        for (namespace, rule, expected) in [
            (None, rule("*", "*", "*", None), Some(Error)),
            (None, rule("delete", ADMISSION, "validatingwebhookconfigurations", None), Some(Error)),
            (None, rule("update", ADMISSION, "mutatingwebhookconfigurations", Some("other")), None),
            (
                None,
                rule("update", ADMISSION, "mutatingwebhookconfigurations", Some("tenant-bulkhead")),
                Some(Error),
            ),
            (None, rule("get", ADMISSION, "validatingwebhookconfigurations", None), None),
            (None, rule("impersonate", "", "users", None), Some(Error)),
            (None, rule("impersonate", "", "groups", Some("system:masters")), Some(Error)),
            (None, rule("impersonate", "", "groups", Some("developers")), None),
            (Some("bulkhead-system"), rule("impersonate", "", "serviceaccounts", None), Some(Error)),
            (None, rule("escalate", "rbac.authorization.k8s.io", "clusterroles", None), Some(Error)),
            (None, rule("bind", "rbac.authorization.k8s.io", "clusterroles", Some("view")), None),
            (None, rule("get", "", "nodes/proxy", None), Some(Error)),
            (None, rule("get", "", "nodes/metrics", None), None),
            (None, rule("impersonate:user-info", "authentication.k8s.io", "users", None), Some(Error)),
            (None, rule("delete", "apiextensions.k8s.io", "customresourcedefinitions", None), Some(Warning)),
            (None, rule("create", "", "serviceaccounts/token", None), Some(Warning)),
            (Some("istio-system"), rule("create", "", "serviceaccounts/token", None), Some(Warning)),
            (Some("tenant-green"), rule("create", "", "serviceaccounts/token", None), None),
            (Some("istio-system"), rule("get", "", "secrets", Some("istio-ca-secret")), Some(Warning)),
            (Some("istio-system"), rule("get", "", "secrets", Some("other")), None),
            (None, rule("approve", "certificates.k8s.io", "signers", None), Some(Warning)),
            (Some("istio-system"), rule("*", "*", "*", None), Some(Error)),
            (Some("tenant-green"), rule("*", "*", "*", None), None),
        ] {
            assert_eq!(of_stranger(namespace, rule.clone()), expected, "{namespace:?} {rule:?}");
        }
    }

    #[test]
    fn accounts_of_the_platform_are_trusted() {
        let all = || rule("*", "*", "*", None);
        for (trusted, subject) in [
            (true, subject("Group", None, "system:masters")),
            (false, subject("Group", None, "system:authenticated")),
            (false, subject("Group", None, "system:serviceaccounts")),
            (true, subject("User", None, "system:kube-controller-manager")),
            (true, subject("ServiceAccount", Some("kube-system"), "clusterrole-aggregation-controller")),
            (false, subject("ServiceAccount", Some("kube-system"), "default")),
            (true, subject("ServiceAccount", Some("istio-system"), "istiod")),
            (true, subject("ServiceAccount", Some("bulkhead-system"), "bulkhead-controller")),
            (false, subject("ServiceAccount", Some("argocd"), "application-controller")),
        ] {
            assert_eq!(found(None, subject.clone(), all()).is_none(), trusted, "{subject:?}");
        }
    }
}
