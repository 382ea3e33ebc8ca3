use crate::api::Condition;
use crate::controller::timestamp::timestamp;

/// A condition to write: its type, status, reason and message.
pub(super) struct ConditionUpdate {
    pub(super) condition: &'static str,
    pub(super) is_true: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl ConditionUpdate {
    /// Converts to the API type. Keeps the transition time while the status is unchanged.
    pub(super) fn into_condition(self, previous: &[Condition], generation: i64) -> Condition {
        let status = if self.is_true { "True" } else { "False" };
        let unchanged = previous.iter().find(|known| known.kind == self.condition && known.status == status);
        Condition {
            kind: self.condition.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: generation,
            last_transition_time: unchanged
                .map_or_else(timestamp, |known| known.last_transition_time.clone()),
        }
    }
}
