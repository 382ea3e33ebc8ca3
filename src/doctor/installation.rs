//! The objects that `bulkhead manifests crds rbac` prints, compared with those in the cluster.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta};
use kube::{Api, ResourceExt};
use serde_json::Value;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::registration;

pub(super) const CHECK: Check = Check {
    name: "installation",
    severity: Severity::Error,
    expects: "The CRDs of `bulkhead.dev`, the roles and bindings of Bulkhead's accounts and the namespace `bulkhead-probe` are \
              those of this version and of the settings.",
    run: |inspection| Box::pin(run(inspection)),
};

const REMEDY: &str = "apply the output of `bulkhead manifests crds rbac` with the settings of the cluster, in the version that runs";

/// The fields that are compared, in kinds to which the API server adds no defaults.
const COMPARED: [&str; 4] = ["aggregationRule", "rules", "roleRef", "subjects"];

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let mut problems = Vec::new();
    for expected in registration::crds() {
        let live = inspection.find::<CustomResourceDefinition>(&expected.name_any()).await?;
        problems.extend(judge_crd(&expected, live.as_ref()));
    }
    for expected in registration::rbac(&inspection.service.namespace, &inspection.settings) {
        let live = live(inspection, &expected).await?;
        problems.extend(judge(&expected, live.as_ref()));
    }
    Ok(problems)
}

async fn live(inspection: &Inspection, expected: &Value) -> Result<Option<Value>, Unread> {
    let text = |pointer: &str| expected.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let types = TypeMeta { api_version: text("/apiVersion").to_owned(), kind: text("/kind").to_owned() };
    let unknown = |error: String| Unread::new(error, "report it");
    let names = GroupVersionKind::try_from(types).map_err(|error| unknown(error.to_string()))?;
    let resource = ApiResource::from_gvk(&names);
    let client = inspection.client().clone();
    let objects = match text("/metadata/namespace") {
        "" => Api::<DynamicObject>::all_with(client, &resource),
        namespace => Api::<DynamicObject>::namespaced_with(client, namespace, &resource),
    };
    let found = objects.get_opt(text("/metadata/name")).await;
    let found =
        found.map_err(|error| Unread::request(&format!("failed to get {}", name(expected)), &error))?;
    Ok(found.map(|found| found.data))
}

/// Returns kind, namespace and name of an object.
fn name(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match (text("/kind"), text("/metadata/namespace"), text("/metadata/name")) {
        (kind, "", name) => format!("{kind} {name}"),
        (kind, namespace, name) => format!("{kind} {namespace}/{name}"),
    }
}

fn judge(expected: &Value, live: Option<&Value>) -> Option<Problem> {
    let Some(live) = live else { return Some(Problem::error(name(expected), "does not exist", REMEDY)) };
    let differs =
        |field: &&&str| expected.get(**field).is_some() && expected.get(**field) != live.get(**field);
    let fields: Vec<String> = COMPARED.iter().filter(differs).map(|field| format!("`{field}`")).collect();
    (!fields.is_empty()).then(|| {
        let message = format!("{} differ from those that this version needs", fields.join(" and "));
        Problem::error(name(expected), message, REMEDY)
    })
}

fn judge_crd(
    expected: &CustomResourceDefinition,
    live: Option<&CustomResourceDefinition>,
) -> Option<Problem> {
    let object = format!("CustomResourceDefinition {}", expected.name_any());
    let Some(live) = live else { return Some(Problem::error(object, "does not exist", REMEDY)) };
    let served = |expected: &&str| live.spec.versions.iter().find(|known| known.name == **expected);
    let is_same = expected.spec.versions.iter().all(|version| {
        let schema = served(&version.name.as_str()).map(|served| &served.schema);
        schema == Some(&version.schema)
    });
    (!is_same).then(|| {
        Problem::error(object, "the schema is not the one of this version, so fields can be lost", REMEDY)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_and_changed_roles_are_found() {
        let role = json!({ "kind": "ClusterRole", "metadata": { "name": "bulkhead" }, "rules": [{ "verbs": ["get"] }] });
        let mut live = role.clone();
        assert_eq!(judge(&role, Some(&live)), None);
        if let Some(rules) = live.get_mut("rules") {
            *rules = json!([]);
        }
        assert!(judge(&role, Some(&live)).is_some_and(|problem| problem.message.contains("`rules`")));
        assert!(judge(&role, None).is_some_and(|problem| problem.object == "ClusterRole bulkhead"));
    }

    #[test]
    fn older_schemas_are_found() {
        for expected in registration::crds() {
            assert_eq!(judge_crd(&expected, Some(&expected)), None);
            let mut older = expected.clone();
            older.spec.versions.iter_mut().for_each(|version| version.schema = None);
            assert!(judge_crd(&expected, Some(&older)).is_some());
        }
    }
}
