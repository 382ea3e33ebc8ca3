//! The two webhook configurations, compared with those that this version derives from the settings and the cluster.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Resource};
use serde_json::Value;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::registration::{self, CONFIGURATION_NAME, Places, merged};
use crate::settings::Registration;

pub(super) const CHECK: Check = Check {
    name: "webhook-configuration",
    severity: Severity::Error,
    expects: "Both webhook configurations exist with the entries, rules, selectors, match conditions, address and \
              `failurePolicy` that this version derives.",
    run: |inspection| Box::pin(run(inspection)),
};

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let snapshot = inspection.snapshot().await?;
    let derived = |places| registration::validating(&inspection.service, places);
    let (of_settings, of_snapshot) =
        (derived(Places::of_settings(&inspection.settings)), derived(Places::of_snapshot(&snapshot)));
    let mut problems = Vec::new();
    let validating = match inspection.settings.registration {
        Registration::Managed => of_snapshot,
        // The settings are all that `bulkhead manifests webhooks` reads.
        Registration::Unmanaged => {
            problems.extend((of_settings != of_snapshot).then(unprotected));
            of_settings
        }
    };
    let validating = serde_json::to_value(validating);
    let mutating = serde_json::to_value(registration::mutating(&inspection.service));
    let [live_validating, live_mutating] = live(inspection).await?;
    for (kind, desired, live) in [
        (ValidatingWebhookConfiguration::kind(&()), validating, live_validating),
        (MutatingWebhookConfiguration::kind(&()), mutating, live_mutating),
    ] {
        let desired = desired.ok().and_then(|mut desired| desired.get_mut("webhooks").map(Value::take));
        problems.extend(judge(
            &kind,
            &desired.unwrap_or_default(),
            live.as_ref(),
            inspection.settings.registration,
        ));
    }
    Ok(problems)
}

fn unprotected() -> Problem {
    let message = "with `registration: Unmanaged` they protect no namespace of a SharedService that the settings do not list, and \
                   no credentials of granted callers";
    let remedy = "list the namespaces of SharedServices in `platform.sharedNamespaces`; with granted callers (`grants.callers`) \
                  outside tenants' namespaces, remove `registration: Unmanaged`";
    Problem::warning("webhook configurations", message, remedy)
}

/// Returns the webhooks in the cluster: the validating ones, then the mutating ones. `None` for a missing configuration.
pub(super) async fn live(inspection: &Inspection) -> Result<[Option<Value>; 2], Unread> {
    Ok([
        webhooks(inspection, &ApiResource::erase::<ValidatingWebhookConfiguration>(&())).await?,
        webhooks(inspection, &ApiResource::erase::<MutatingWebhookConfiguration>(&())).await?,
    ])
}

async fn webhooks(inspection: &Inspection, resource: &ApiResource) -> Result<Option<Value>, Unread> {
    let configurations = Api::<DynamicObject>::all_with(inspection.client().clone(), resource);
    let found = configurations.get_opt(CONFIGURATION_NAME).await;
    let found =
        found.map_err(|error| Unread::request(&format!("failed to get the {}", resource.kind), &error))?;
    Ok(found.map(|found| found.data.get("webhooks").cloned().unwrap_or_default()))
}

fn judge(kind: &str, desired: &Value, live: Option<&Value>, registration: Registration) -> Vec<Problem> {
    let object = format!("{kind} {CONFIGURATION_NAME}");
    let remedy = match registration {
        Registration::Managed => {
            "check that the controller runs and leads: it writes the configurations. Run this command in the version and \
             with the settings of the controller"
        }
        Registration::Unmanaged => {
            "apply the output of `bulkhead manifests webhooks` with the settings and the CA bundle of this cluster, or \
             remove `registration: Unmanaged`"
        }
    };
    let problem = |message: String| Problem::error(object.clone(), message, remedy);
    let Some(live) = live else {
        return vec![problem("does not exist, so the API server asks for no judgement".to_owned())];
    };
    let expected = merged(desired, live, true);
    let mut problems = Vec::new();
    for entry in entries(&expected) {
        let name = name(entry);
        match entries(live).find(|live| live["name"] == entry["name"]) {
            None => problems.push(problem(format!("the webhook `{name}` is missing"))),
            Some(live) => {
                problems.extend(
                    differences(entry, live)
                        .into_iter()
                        .map(|field| problem(wording(name, field, entry, live))),
                );
            }
        }
    }
    let is_known = |live: &&Value| entries(&expected).any(|entry| entry["name"] == live["name"]);
    for stranger in entries(live).filter(|live| !is_known(live)) {
        problems.push(problem(format!("this version has no webhook `{}`", name(stranger))));
    }
    problems
}

fn wording(name: &str, field: &str, expected: &Value, live: &Value) -> String {
    match (field, live[field].as_str()) {
        ("failurePolicy", Some("Ignore")) => {
            format!(
                "`{name}` has `failurePolicy: Ignore`: the API server admits writes that no replica judges"
            )
        }
        ("clientConfig", _) => {
            let service = |entry: &Value| {
                let service = entry.pointer("/clientConfig/service").unwrap_or(&Value::Null);
                let part = |field: &str| service[field].to_string().replace('"', "");
                format!("{}/{}:{}{}", part("namespace"), part("name"), part("port"), part("path"))
            };
            let (expected, live) = (service(expected), service(live));
            format!("`{name}` calls `{live}` and not `{expected}`, or has another CA bundle or a URL")
        }
        _ => format!("the field `{field}` of `{name}` differs from the one that this version derives"),
    }
}

/// Returns the fields in which the two differ.
fn differences<'v>(expected: &'v Value, live: &'v Value) -> BTreeSet<&'v str> {
    let fields = |value: &'v Value| value.as_object().into_iter().flatten().map(|(field, _)| field.as_str());
    fields(expected).chain(fields(live)).filter(|field| expected.get(field) != live.get(field)).collect()
}

pub(super) fn entries(webhooks: &Value) -> impl Iterator<Item = &Value> {
    webhooks.as_array().into_iter().flatten()
}

fn name(entry: &Value) -> &str {
    entry["name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registration::Service;

    fn desired() -> Value {
        let service = Service {
            namespace: "bulkhead-system".to_owned(),
            name: "bulkhead".to_owned(),
            port: 443,
            ca_bundle: Some(b"CA".to_vec()),
            settings_config_map: "bulkhead-settings".to_owned(),
        };
        serde_json::to_value(registration::mutating(&service).webhooks).unwrap_or_default()
    }

    fn messages(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut live = merged(&desired(), &Value::Null, true);
        change(&mut live);
        let found = judge("Kind", &desired(), Some(&live), Registration::Managed);
        found.into_iter().map(|problem| problem.message).collect()
    }

    fn set(live: &mut Value, pointer: &str, value: Value) {
        if let Some(found) = live.pointer_mut(pointer) {
            *found = value;
        }
    }

    #[test]
    fn configuration_in_step_has_no_findings() {
        assert_eq!(messages(|_| ()), [""; 0]);
        assert_eq!(judge("Kind", &desired(), None, Registration::Managed).len(), 1);
    }

    #[test]
    fn each_difference_is_named() {
        let weaker = messages(|live| set(live, "/0/reinvocationPolicy", json!("Never")));
        assert!(weaker.len() == 1 && weaker.concat().contains("`reinvocationPolicy`"), "{weaker:?}");
        let moved = messages(|live| set(live, "/0/clientConfig/service/namespace", json!("evil")));
        assert!(
            moved.len() == 1 && moved.concat().contains("`evil/bulkhead:443/mutate/labels`"),
            "{moved:?}"
        );
        let renamed = messages(|live| set(live, "/0/name", json!("other.bulkhead.dev")));
        assert_eq!(renamed.len(), 2, "{renamed:?}");
        let ca = messages(|live| set(live, "/0/clientConfig/caBundle", json!("b3RoZXI=")));
        assert_eq!(ca.len(), 1, "{ca:?}");
    }
}
