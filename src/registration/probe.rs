//! The probe: a dry run that shows if the API server reaches the webhook, and which version answers.

use serde_json::{Value, json};

use crate::policy::rules::{PROBE, PROBE_REFUSED};

/// Returns a patch of a namespace that every replica refuses, to every user. As a dry run, it shows if the API server
/// reaches the webhook. Each `question` gives another label value, so that the namespace never has it already.
pub fn probe(question: i64) -> Value {
    json!({ "metadata": { "labels": { PROBE: question.to_string() } } })
}

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A replica of this version refused it.
    Heard,
    /// A replica of another version refused it.
    HeardByAnother,
    /// No replica refused it. Has the message of another refusal; `None` if it was admitted.
    Unheard(Option<String>),
}

impl Answer {
    /// Returns the result for the `message` of a refusal.
    pub fn read(message: &str) -> Self {
        let refused_by_us = [
            "admission webhook \"namespaces.bulkhead.dev\" denied the request".to_owned(),
            format!("BH103 metadata.labels[{PROBE}]: "),
        ];
        if !refused_by_us.iter().all(|words| message.contains(words)) {
            Self::Unheard(Some(message.to_owned()))
        } else if message.contains(PROBE_REFUSED) {
            Self::Heard
        } else {
            Self::HeardByAnother
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_refusal_proves_the_path() {
        let refused = |said: &str| {
            format!(
                "admission webhook \"namespaces.bulkhead.dev\" denied the request: \nBH103 metadata.labels[{PROBE}]: {said}; remove it"
            )
        };
        assert_eq!(Answer::read(&refused(PROBE_REFUSED)), Answer::Heard);
        let older = PROBE_REFUSED.replace(env!("CARGO_PKG_VERSION"), "0.0.1");
        assert_eq!(Answer::read(&refused(&older)), Answer::HeardByAnother);
        for other in [
            "namespaces \"bulkhead-system\" is forbidden: User \"x\" cannot patch resource \"namespaces\"".to_owned(),
            "admission webhook \"namespaces.bulkhead.dev\" denied the request: the first list is not complete".to_owned(),
            refused(PROBE_REFUSED).replace("namespaces.bulkhead.dev", "policies.example.com"),
        ] {
            assert_eq!(Answer::read(&other), Answer::Unheard(Some(other.clone())));
        }
    }
}
