use crate::api::Condition;
use crate::controller::now;

/// A condition to write: its type, status, reason and message.
pub(super) struct Said {
    pub(super) condition: &'static str,
    pub(super) holds: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Said {
    /// Converts to the API type. Keeps the transition time while the status is unchanged.
    pub(super) fn condition(self, before: &[Condition], generation: i64) -> Condition {
        let status = if self.holds { "True" } else { "False" };
        let since = before.iter().find(|known| known.kind == self.condition && known.status == status);
        Condition {
            kind: self.condition.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: generation,
            last_transition_time: since.map_or_else(now, |known| known.last_transition_time.clone()),
        }
    }
}
