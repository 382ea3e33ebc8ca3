use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use super::condition::ConditionState;
use super::inputs::StatusInputs;
use super::object::StatusObject;
use crate::api::Condition;

/// Returns the merge patch that brings the status of the object up to date. `None` if the status is current, and while
/// the snapshot has another version of the object.
pub(super) fn status_patch<T: StatusObject>(
    object: &DynamicObject,
    inputs: &StatusInputs<'_>,
) -> Option<Value> {
    let found = read::<T>(object);
    if found.as_ref().is_ok_and(|found| !found.is_in(inputs.snapshot)) {
        return None;
    }
    let stored = object.data.get("status").unwrap_or(&Value::Null);

    let stored_conditions = stored.get("conditions").cloned().unwrap_or_default();
    let stored_conditions: Vec<Condition> = serde_json::from_value(stored_conditions).unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let conditions = T::CONDITIONS.iter().map(|condition| {
        let state = match &found {
            Ok(found) => condition.evaluate(found, inputs),
            Err(error) => ConditionState::of_invalid_spec(error),
        };
        state.into_condition(condition.name, &stored_conditions, generation, inputs.now)
    });
    let conditions: Vec<Condition> = conditions.collect();

    let common = [("observedGeneration", json!(generation)), ("conditions", json!(conditions))];
    let mut status: Map<String, Value> =
        common.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
    status.extend(T::further_fields(&object.name_any(), inputs));
    let status = Value::Object(status);

    let mut patched = stored.clone();
    json_patch::merge(&mut patched, &status);
    (patched != *stored).then(|| json!({ "status": status }))
}

/// Converts the object to the snapshot's type.
fn read<T: StatusObject>(object: &DynamicObject) -> Result<T, String> {
    let resource = serde_json::to_value(object).and_then(serde_json::from_value);
    resource.map_err(|error| error.to_string()).and_then(T::read)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;
    use crate::api::Audit;
    use crate::controller::baseline::Target;
    use crate::controller::status::condition::INVALID_SPEC;
    use crate::controller::status::testing::{EXEMPTION, SHARED_SERVICE, Scenario, TENANT};
    use crate::snapshot::{Exemption, SharedService, Tenant};

    /// Returns the patch of the status of `object`, a version of this scenario's object.
    fn patch_of<T: StatusObject>(scenario: &Scenario, object: &DynamicObject) -> Option<Value> {
        scenario.with_inputs(&scenario.snapshot(), |inputs| status_patch::<T>(object, inputs))
    }

    /// Stores the patch in the object, as the API server does, and returns its conditions.
    fn store(object: &mut DynamicObject, patch: &Value) -> Vec<Condition> {
        json_patch::merge(&mut object.data, patch);
        serde_json::from_value(object.data.pointer("/status/conditions").unwrap().clone()).unwrap()
    }

    #[test]
    fn status_is_written_once() {
        let scenario = Scenario::new(TENANT);
        let mut object = scenario.object();
        let patch = patch_of::<Tenant>(&scenario, &object).unwrap();
        let condition = |kind, reason, message| {
            json!({
                "type": kind, "status": "True", "reason": reason, "message": message, "observedGeneration": 7,
                "lastTransitionTime": "2026-06-01T12:00:00Z",
            })
        };
        let conditions = [
            condition("Ready", "Ready", "every namespace of the tenant is ready"),
            condition("GrantsResolved", "Resolved", "every grant is in effect"),
            condition("WaypointsReady", "Ready", "every waypoint in the tenant's namespaces is programmed"),
        ];
        let status =
            json!({ "observedGeneration": 7, "conditions": conditions, "namespaces": 2, "audit": null });
        assert_eq!(patch, json!({ "status": status }));
        store(&mut object, &patch);
        assert_eq!(patch_of::<Tenant>(&scenario, &object), None);
    }

    #[test]
    fn transition_time_changes_with_the_status_alone() {
        let mut object = Scenario::new(SHARED_SERVICE).object();
        let mut update = |time: &str, error: Option<&str>| {
            let fine = Scenario { now: time.parse().unwrap(), ..Scenario::new(SHARED_SERVICE) };
            let service = Target::Service("logs".to_owned());
            let scenario = match error {
                Some(error) => fine.with_error(service, error, false),
                None => fine,
            };
            let patch = patch_of::<SharedService>(&scenario, &object).unwrap();
            let condition = store(&mut object, &patch).remove(0);
            (condition.status, condition.message, condition.last_transition_time)
        };
        let (_, _, first) = update("2026-06-01T12:00:00Z", None);
        assert_eq!(first, "2026-06-01T12:00:00Z");
        let (status, _, second) = update("2026-06-01T13:00:00Z", Some("one error"));
        assert_eq!((status.as_str(), second.as_str()), ("False", "2026-06-01T13:00:00Z"));
        let (_, message, third) = update("2026-06-01T14:00:00Z", Some("another error"));
        assert!(message.ends_with("another error"), "{message}");
        assert_eq!(third, second);
    }

    #[test]
    fn transition_time_is_that_of_the_same_condition() {
        let mut object = Scenario::new(TENANT).object();
        let mut times = |time: &str, has_error: bool| {
            let scenario = Scenario { now: time.parse().unwrap(), ..Scenario::new(TENANT) };
            let own = Target::Tenant("north-eu".to_owned());
            let scenario = if has_error { scenario.with_error(own, "no kind", true) } else { scenario };
            let patch = patch_of::<Tenant>(&scenario, &object).unwrap();
            let conditions = store(&mut object, &patch).into_iter();
            conditions.map(|condition| condition.last_transition_time).collect::<Vec<String>>()
        };
        let [first, second, third] = ["2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z", "2026-06-01T14:00:00Z"];
        assert_eq!(times(first, false), [first, first, first]);
        assert_eq!(times(second, true), [second, first, first], "`Ready` changes, and the others do not");
        assert_eq!(times(third, false), [third, first, first]);
    }

    #[test]
    fn inactive_tenant_has_a_status() {
        let older =
            "{ apiVersion: bulkhead.dev/v1alpha1, kind: Tenant, metadata: { name: north }, spec: {} }";
        let scenario = Scenario::new(TENANT).with(older);
        assert!(patch_of::<Tenant>(&scenario, &scenario.object()).is_some());
    }

    #[test]
    fn object_that_cannot_be_read_has_a_reason_in_every_condition() {
        let scenario = Scenario::new(TENANT);
        let mut object = scenario.object();
        *object.data.pointer_mut("/spec/namespaces/limit").unwrap() = json!(-1);
        let patch = patch_of::<Tenant>(&scenario, &object).unwrap();
        let conditions = store(&mut object, &patch);
        let names = conditions.iter().map(|condition| condition.kind.as_str());
        assert!(names.eq(["Ready", "GrantsResolved", "WaypointsReady"]));
        for condition in conditions {
            assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", INVALID_SPEC));
        }
    }

    #[test]
    fn status_waits_until_the_snapshot_has_this_version() {
        fn expect_to_wait<T: StatusObject>(text: &str, old: &str, new: &str) {
            let (known, newer) = (Scenario::new(text), Scenario::new(text).replacing(old, new));
            assert_eq!(patch_of::<T>(&known, &newer.object()), None);
            assert!(patch_of::<T>(&newer, &newer.object()).is_some());
        }
        expect_to_wait::<Tenant>(TENANT, "limit: 2", "limit: 3");
        expect_to_wait::<SharedService>(SHARED_SERVICE, "port: 80", "port: 81");
        expect_to_wait::<Exemption>(EXEMPTION, "BH301", "BH302");
    }

    #[test]
    fn audit_is_removed_from_the_status_with_its_result() {
        let mut scenario = Scenario::new(TENANT).replacing("spec:", "spec:\n  enforcement: Observe");
        scenario.audits.insert("north-eu".to_owned(), Audit { findings: 3, ..Audit::default() });
        let mut object = scenario.object();
        let patch = patch_of::<Tenant>(&scenario, &object).unwrap();
        store(&mut object, &patch);
        assert_eq!(object.data.pointer("/status/audit/findings"), Some(&json!(3)));
        scenario.audits.clear();
        let patch = patch_of::<Tenant>(&scenario, &object).unwrap();
        store(&mut object, &patch);
        assert_eq!(object.data.pointer("/status/audit"), None);
    }
}
