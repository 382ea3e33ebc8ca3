//! Scenarios for the tests of conditions, and the check of a list of cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;

use super::inputs::StatusInputs;
use super::object::StatusObject;
use super::waypoints::Waypoints;
use crate::api::Audit;
use crate::controller::baseline::{Target, TargetError};
use crate::snapshot::Snapshot;
use crate::sources::files::{self, SourceDocument};
use crate::sources::yaml;

pub(super) const TENANT: &str = include_str!("tenant.yaml");
pub(super) const SHARED_SERVICE: &str = include_str!("shared_service.yaml");
pub(super) const EXEMPTION: &str = include_str!("exemption.yaml");

/// An object, and what Bulkhead knows of the cluster.
pub(super) struct Scenario {
    /// YAML documents, of which the first is the object.
    pub(super) text: String,
    pub(super) errors: BTreeMap<Target, TargetError>,
    pub(super) audits: BTreeMap<String, Audit>,
    /// YAML documents of Gateways and Services.
    pub(super) waypoints: Vec<String>,
    pub(super) now: Timestamp,
}

impl Scenario {
    pub(super) fn new(text: &str) -> Self {
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        Self {
            text: text.to_owned(),
            errors: BTreeMap::new(),
            audits: BTreeMap::new(),
            waypoints: Vec::new(),
            now,
        }
    }

    pub(super) fn with(mut self, document: &str) -> Self {
        self.text = format!("{}\n---\n{document}", self.text);
        self
    }

    /// Adds a Gateway or a Service.
    pub(super) fn with_object(mut self, document: &str) -> Self {
        self.waypoints.push(document.to_owned());
        self
    }

    pub(super) fn replacing(mut self, old: &str, new: &str) -> Self {
        assert!(self.text.contains(old), "{old}");
        self.text = self.text.replacen(old, new, 1);
        self
    }

    pub(super) fn with_error(mut self, target: Target, message: &str, is_persistent: bool) -> Self {
        self.errors.insert(target, TargetError { message: message.to_owned(), is_persistent });
        self
    }

    fn documents(&self) -> Vec<SourceDocument> {
        let documents = yaml::read(&self.text).unwrap().into_iter();
        documents.map(|yaml| SourceDocument { file: "test.yaml".into(), yaml }).collect()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        files::snapshot(&self.documents()).unwrap()
    }

    pub(super) fn object(&self) -> DynamicObject {
        serde_json::from_str(self.documents().first().unwrap().yaml.json.get()).unwrap()
    }

    /// Calls `test` with the object and the inputs of its conditions.
    pub(super) fn run<T: StatusObject>(&self, test: impl FnOnce(&T, &StatusInputs<'_>)) {
        let object = serde_json::to_value(self.object()).and_then(serde_json::from_value).unwrap();
        self.with_inputs(&self.snapshot(), |inputs| test(&T::read(object).unwrap(), inputs));
    }

    pub(super) fn with_inputs<R>(&self, snapshot: &Snapshot, test: impl FnOnce(&StatusInputs<'_>) -> R) -> R {
        let objects = self.waypoints.iter().map(|text| serde_saphyr::from_str(text).unwrap());
        let waypoints = &Waypoints::of(&objects.collect::<Vec<_>>());
        let (errors, audits) = (&self.errors, &self.audits);
        test(&StatusInputs { snapshot, errors, audits, waypoints, now: self.now })
    }
}

/// A reason, and scenarios in which a condition has it, each with a text that the message contains.
pub(super) type Example = (&'static str, Vec<(Scenario, &'static str)>);

/// Checks the condition `name`. In the scenario `fine` no case applies. Each case, in its order, has an example, in which
/// it applies alone and decides in the list.
pub(super) fn expect_cases<T: StatusObject>(name: &str, fine: &Scenario, examples: &[Example]) {
    let condition = T::CONDITIONS.iter().find(|condition| condition.name == name).unwrap();
    let reasons = examples.iter().map(|(reason, _)| *reason);
    assert!(condition.cases.iter().map(|case| case.reason).eq(reasons), "an example for each case, in order");
    fine.run(|object: &T, inputs| {
        for case in condition.cases {
            assert_eq!((case.check)(object, inputs), None, "{}", case.reason);
        }
        let state = condition.evaluate(object, inputs);
        assert_eq!((state.is_true, state.reason), (true, condition.otherwise.0));
    });
    for (case, (reason, scenarios)) in condition.cases.iter().zip(examples) {
        assert!(!scenarios.is_empty(), "{reason}");
        for (scenario, text) in scenarios {
            scenario.run(|object: &T, inputs| {
                let message = (case.check)(object, inputs).unwrap_or_default();
                assert!(message.contains(text), "{reason}: `{message}` does not contain `{text}`");
                let state = condition.evaluate(object, inputs);
                let found = (state.is_true, state.reason, state.message);
                assert_eq!(found, (case.is_true, *reason, message));
            });
        }
    }
}
