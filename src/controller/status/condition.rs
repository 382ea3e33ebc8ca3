use k8s_openapi::jiff::Timestamp;

use super::inputs::StatusInputs;
use crate::api::Condition;
use crate::controller::timestamp::format_timestamp;

/// The reason of every condition of an object that cannot be read.
pub(super) const INVALID_SPEC: &str = "InvalidSpec";

/// A condition of the objects `T`: the first of its cases that applies decides.
pub(super) struct ConditionType<T: 'static> {
    /// The type of the condition, such as `Ready`.
    pub(super) name: &'static str,
    pub(super) cases: &'static [Case<T>],
    /// The reason and the message of the status `True` if no case applies.
    pub(super) otherwise: (&'static str, fn(&T) -> String),
}

/// A status of a condition, its reason, and the function that tells if it applies.
pub(super) struct Case<T> {
    pub(super) is_true: bool,
    pub(super) reason: &'static str,
    /// Returns the message of the condition, if the case applies to the object.
    pub(super) check: Check<T>,
}

type Check<T> = fn(&T, &StatusInputs<'_>) -> Option<String>;

pub(super) const fn true_because<T>(reason: &'static str, check: Check<T>) -> Case<T> {
    Case { is_true: true, reason, check }
}

pub(super) const fn false_because<T>(reason: &'static str, check: Check<T>) -> Case<T> {
    Case { is_true: false, reason, check }
}

impl<T> ConditionType<T> {
    /// Returns the state of the condition.
    pub(super) fn evaluate(&self, object: &T, inputs: &StatusInputs<'_>) -> ConditionState {
        let applies = |case: &Case<T>| {
            let message = (case.check)(object, inputs)?;
            Some(ConditionState { is_true: case.is_true, reason: case.reason, message })
        };
        self.cases.iter().find_map(applies).unwrap_or_else(|| {
            let (reason, message) = self.otherwise;
            ConditionState { is_true: true, reason, message: message(object) }
        })
    }
}

/// The state of a condition.
#[derive(Debug)]
pub(super) struct ConditionState {
    pub(super) is_true: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl ConditionState {
    /// Returns the state of every condition of an object that cannot be read.
    pub(super) fn of_invalid_spec(error: &str) -> Self {
        let message = format!("the object cannot be read, so its last valid version stays in use: {error}");
        Self { is_true: false, reason: INVALID_SPEC, message }
    }

    /// Converts to the API type. Keeps the transition time of the stored condition while the status is unchanged.
    pub(super) fn into_condition(
        self,
        name: &str,
        stored: &[Condition],
        generation: i64,
        now: Timestamp,
    ) -> Condition {
        let status = if self.is_true { "True" } else { "False" };
        let unchanged = stored.iter().find(|known| known.kind == name && known.status == status);
        Condition {
            kind: name.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: generation,
            last_transition_time: unchanged
                .map_or_else(|| format_timestamp(now), |known| known.last_transition_time.clone()),
        }
    }
}
