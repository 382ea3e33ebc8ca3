use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::api::{Condition, Enforcement, Grants, Subject};

/// A user, and the tenants that they own.
#[derive(Debug, Serialize)]
pub struct Owner {
    pub user: String,
    pub groups: Vec<String>,
    pub tenants: Vec<OwnedTenant>,
}

/// A tenant, as its owner may see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnedTenant {
    pub name: String,
    /// The entries of `spec.owners` that are the user.
    pub owned_as: Vec<Subject>,
    pub enforcement: Enforcement,
    pub contact: Option<String>,
    pub conditions: Vec<Condition>,
    pub grants: Grants,
    pub namespace_limit: Option<u32>,
    pub namespaces: Vec<OwnedNamespace>,
}

/// A namespace of a tenant.
#[derive(Debug, Serialize)]
pub struct OwnedNamespace {
    pub name: String,
    pub ready: bool,
    pub terminating: bool,
    /// The quotas by name; `None` if the user may not read them.
    pub quotas: Option<BTreeMap<String, BTreeMap<String, Usage>>>,
}

/// The use of a resource, and its limit.
#[derive(Debug, Serialize)]
pub struct Usage {
    pub used: String,
    pub hard: String,
}

impl Owner {
    /// Returns the advice for a user who owns none of the tenants that they asked for.
    pub fn advice_without_tenant(&self, asked: &[String]) -> String {
        let tenant = if asked.is_empty() { String::new() } else { format!(" `{}`", asked.join("`, `")) };
        format!(
            "`{}` owns no tenant{tenant} that it may read. Ask the platform to list the user, or one of its groups, in \
             `spec.owners` of a Tenant. Bulkhead gives owners no permissions while the tenant is observed (`enforcement: \
             Observe`), and the permissions of a new owner take a moment.",
            self.user
        )
    }

    pub fn text(&self) -> String {
        let mut text = format!("user {}, in the groups {}\n", self.user, self.groups.join(", "));
        for tenant in &self.tenants {
            tenant.write_text(&mut text);
        }
        text
    }
}

impl OwnedTenant {
    fn write_text(&self, text: &mut String) {
        let owned_as: Vec<String> =
            self.owned_as.iter().map(|owner| format!("{:?} {}", owner.kind, owner.name)).collect();
        let _ = writeln!(text, "\ntenant {}, owned as {}", self.name, owned_as.join(" and "));
        let _ = writeln!(text, "  enforcement: {:?}", self.enforcement);
        for Condition { kind, status, reason, message, .. } in &self.conditions {
            let _ = writeln!(text, "  {kind}: {status} ({reason}: {message})");
        }
        if let Some(contact) = &self.contact {
            let _ = writeln!(text, "  contact: {contact}");
        }
        let mut grants = Vec::new();
        flatten(&serde_json::to_value(&self.grants).unwrap_or_default(), "grants", &mut grants);
        if grants.is_empty() {
            grants.push("grants: none".to_owned());
        }
        for grant in grants {
            let _ = writeln!(text, "  {grant}");
        }
        let limit = self.namespace_limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        let _ = writeln!(text, "  namespaces: {}{limit}", self.namespaces.len());
        for namespace in &self.namespaces {
            let state = match (namespace.terminating, namespace.ready) {
                (true, _) => "being deleted",
                (false, true) => "ready",
                (false, false) => "not ready",
            };
            let _ = writeln!(text, "    {}: {state}", namespace.name);
            let Some(quotas) = &namespace.quotas else {
                let _ = writeln!(text, "      quotas: you may not read them");
                continue;
            };
            for (name, resources) in quotas {
                let used: Vec<String> = resources
                    .iter()
                    .filter(|(_, usage)| usage.used != "0")
                    .map(|(resource, usage)| format!("{resource} {} of {}", usage.used, usage.hard))
                    .collect();
                let used = if used.is_empty() { "nothing used".to_owned() } else { used.join(", ") };
                let _ = writeln!(text, "      quota {name}: {used}");
            }
        }
    }
}

/// Adds a line for each value below `path` that is not empty.
fn flatten(value: &Value, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| flatten(value, &format!("{path}.{key}"), lines));
        }
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect();
            lines.push(format!("{path}: {}", items.join(", ")));
        }
        Value::String(text) => lines.push(format!("{path}: {text}")),
        value => lines.push(format!("{path}: {value}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::TenantSpec;

    fn owner(spec: Value, quotas: Option<Value>) -> Owner {
        let spec: TenantSpec = serde_json::from_value(spec).unwrap_or_default();
        let usage = |quotas: Value| -> BTreeMap<String, BTreeMap<String, Usage>> {
            let texts: BTreeMap<String, BTreeMap<String, [String; 2]>> =
                serde_json::from_value(quotas).unwrap_or_default();
            let of = |resources: BTreeMap<String, [String; 2]>| {
                resources.into_iter().map(|(name, [used, hard])| (name, Usage { used, hard })).collect()
            };
            texts.into_iter().map(|(name, resources)| (name, of(resources))).collect()
        };
        let namespace = OwnedNamespace {
            name: "tenant-green".to_owned(),
            ready: true,
            terminating: false,
            quotas: quotas.map(usage),
        };
        let tenant = OwnedTenant {
            name: "green".to_owned(),
            owned_as: spec.owners,
            enforcement: spec.enforcement,
            contact: spec.contact,
            conditions: Vec::new(),
            grants: spec.grants,
            namespace_limit: spec.namespaces.limit,
            namespaces: vec![namespace],
        };
        Owner { user: "carol".to_owned(), groups: vec!["green-owners".to_owned()], tenants: vec![tenant] }
    }

    #[test]
    fn text_names_grants_that_exist_and_quotas_that_are_used() {
        let spec = json!({
            "owners": [{ "kind": "Group", "name": "green-owners" }], "namespaces": { "limit": 3 },
            "grants": {
                "serve": { "hosts": ["a.example.com", "b.example.com"] },
                "reach": { "cidrs": [{ "cidr": "192.0.2.0/24", "ports": [443] }] },
            },
        });
        let quotas = json!({ "tenant-quota": { "pods": ["2", "500"], "services": ["0", "100"] } });
        let expected = "user carol, in the groups green-owners

tenant green, owned as Group green-owners
  enforcement: Enforce
  grants.reach.cidrs: {\"cidr\":\"192.0.2.0/24\",\"ports\":[443],\"protocol\":\"TCP\"}
  grants.serve.hosts: a.example.com, b.example.com
  namespaces: 1 of 3
    tenant-green: ready
      quota tenant-quota: pods 2 of 500
";
        assert_eq!(owner(spec, Some(quotas)).text(), expected);
    }

    #[test]
    fn text_says_what_is_absent() {
        let unread = owner(json!({}), None).text();
        for line in ["  grants: none\n", "  namespaces: 1\n", "      quotas: you may not read them\n"] {
            assert!(unread.contains(line), "{unread}");
        }
        let unused = json!({ "tenant-quota": { "pods": ["0", "500"] } });
        assert!(owner(json!({}), Some(unused)).text().contains("quota tenant-quota: nothing used\n"));
    }
}
