/// The reason for a reconcile. The order of the variants is the priority, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReconcileReason {
    /// The namespace has never been ready, and its pods wait for that.
    Created,
    /// An object has changed in a target that was in sync.
    Drift,
    /// The inputs of the target's baseline have changed, other than the settings.
    SpecChanged,
    /// The settings have changed, or the target has not been in sync since the controller started, as after an
    /// upgrade. This is not urgent, and its rate is limited.
    Rollout,
}

impl ReconcileReason {
    /// Returns a label for metrics, one of `RECONCILE_REASONS`.
    pub(super) const fn as_label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Drift => "drift",
            Self::SpecChanged => "spec-changed",
            Self::Rollout => "rollout",
        }
    }
}
