use std::fmt;

use bulkhead_harness::program::printed;
use serde_json::Value;
use support::BINARY;

/// A verb on a resource: what a role grants, or what a request needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Permission {
    pub(super) account: String,
    pub(super) group: String,
    /// The plural name, with the subresource, such as `tenants/status`.
    pub(super) resource: String,
    pub(super) verb: String,
    /// Empty if it is granted in every namespace, or if the request names none.
    pub(super) namespace: String,
    /// Empty if it is granted for every name, or if the request names none.
    pub(super) name: String,
}

impl Permission {
    /// True if a request that needs `needed` is allowed by this.
    pub(super) fn covers(&self, needed: &Self) -> bool {
        let same = |field: fn(&Self) -> &String| field(self) == field(needed);
        let within = |field: fn(&Self) -> &String| field(self).is_empty() || same(field);
        same(|it| &it.account)
            && same(|it| &it.group)
            && same(|it| &it.resource)
            && same(|it| &it.verb)
            && within(|it| &it.namespace)
            && within(|it| &it.name)
    }

    pub(super) fn with_verb(&self, verb: &str) -> Self {
        Self { verb: verb.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, group, resource, verb, namespace, name } = self;
        write!(text, "{account}: {verb} {resource}")?;
        if !group.is_empty() {
            write!(text, ".{group}")?;
        }
        if !name.is_empty() {
            write!(text, " {name}")?;
        }
        if !namespace.is_empty() {
            write!(text, " in {namespace}")?;
        }
        Ok(())
    }
}

/// The permissions in the rules of a role.
pub(super) fn in_rules(account: &str, namespace: &str, rules: &Value) -> Vec<Permission> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut permissions = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        let mut names = texts(&rule["resourceNames"]);
        if names.is_empty() {
            names.push(String::new());
        }
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    permissions.extend(names.iter().map(|name| Permission {
                        account: account.to_owned(),
                        group: group.clone(),
                        resource: resource.clone(),
                        verb: verb.clone(),
                        namespace: namespace.to_owned(),
                        name: name.clone(),
                    }));
                }
            }
        }
    }
    permissions
}

/// The permissions of the two accounts, as `bulkhead manifests rbac` binds them.
pub(super) fn granted() -> Vec<Permission> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&printed(&BINARY, &["rbac"]).unwrap()).unwrap();
    let is_of_kind = |object: &&Value, kinds: [&str; 2]| kinds.iter().any(|kind| object["kind"] == *kind);
    let bindings = objects.iter().filter(|object| is_of_kind(object, ["ClusterRoleBinding", "RoleBinding"]));
    let permissions = bindings.flat_map(|binding| {
        let subjects = binding["subjects"].as_array().unwrap();
        assert_eq!((subjects.len(), &subjects[0]["kind"]), (1, &Value::from("ServiceAccount")));
        let role = objects.iter().find(|role| {
            role["kind"] == binding["roleRef"]["kind"]
                && role["metadata"]["name"] == binding["roleRef"]["name"]
                && role["metadata"]["namespace"] == binding["metadata"]["namespace"]
        });
        let namespace = binding["metadata"]["namespace"].as_str().unwrap_or_default();
        in_rules(subjects[0]["name"].as_str().unwrap(), namespace, &role.unwrap()["rules"])
    });
    permissions.collect()
}
