use crate::api::Condition;
use crate::controller::now;

/// What is to be said of one condition: whether it holds, in one word why, and for people.
pub(super) struct Said {
    pub(super) condition: &'static str,
    pub(super) holds: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Said {
    /// As it is written; the time stays while the status does.
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
