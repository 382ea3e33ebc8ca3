//! The probe: a dry run that shows if the API server reaches the webhook, and which version answers.

use serde_json::{Value, json};

use crate::keys::PROBE;
use crate::policy::rules::{PROBE_REFUSED, PROTECTED_NAMESPACE_KEY};

/// Returns a patch of a namespace that every replica refuses, to every user. As a dry run, it shows if the API server
/// reaches the webhook. Each `nonce` gives another label value, so that the namespace never has it already.
pub fn probe_patch(nonce: i64) -> Value {
    json!({ "metadata": { "labels": { PROBE: nonce.to_string() } } })
}

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// A replica of this version refused it.
    Judged,
    /// A replica of another version refused it.
    JudgedByOtherVersion,
    /// No replica refused it. Has the message of another refusal; `None` if it was admitted.
    NotJudged(Option<String>),
}

impl ProbeResult {
    /// Returns the result for the `message` of a refusal.
    pub fn from_message(message: &str) -> Self {
        let markers = [
            "admission webhook \"namespaces.bulkhead.dev\" denied the request".to_owned(),
            format!("{} metadata.labels[{PROBE}]: ", PROTECTED_NAMESPACE_KEY.code()),
        ];
        if !markers.iter().all(|marker| message.contains(marker)) {
            Self::NotJudged(Some(message.to_owned()))
        } else if message.contains(PROBE_REFUSED) {
            Self::Judged
        } else {
            Self::JudgedByOtherVersion
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_counts_only_refusals_by_bulkhead() {
        let refused = |reason: &str| {
            format!(
                "admission webhook \"namespaces.bulkhead.dev\" denied the request: \nBH103 metadata.labels[{PROBE}]: {reason}; remove it"
            )
        };
        assert_eq!(ProbeResult::from_message(&refused(PROBE_REFUSED)), ProbeResult::Judged);
        let older = PROBE_REFUSED.replace(env!("CARGO_PKG_VERSION"), "0.0.1");
        assert_eq!(ProbeResult::from_message(&refused(&older)), ProbeResult::JudgedByOtherVersion);
        for other in [
            "namespaces \"bulkhead-system\" is forbidden: User \"x\" cannot patch resource \"namespaces\"".to_owned(),
            "admission webhook \"namespaces.bulkhead.dev\" denied the request: the first list is not complete".to_owned(),
            refused(PROBE_REFUSED).replace("namespaces.bulkhead.dev", "policies.example.com"),
        ] {
            assert_eq!(ProbeResult::from_message(&other), ProbeResult::NotJudged(Some(other.clone())));
        }
    }
}
