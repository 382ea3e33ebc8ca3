//! A dry run that every replica refuses: the label of the probe on the namespace of Bulkhead.

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::registration::ProbeResult;
use crate::sources::send_probe;

pub(super) const CHECK: Check = Check {
    name: "webhook-probe",
    severity: Severity::Error,
    expects: "The webhook, in this version, refuses a dry run that sets the label of the probe on the namespace of Bulkhead. It \
              refuses this label to every user.",
    run: |inspection| Box::pin(run(inspection)),
};

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    inspection.expect_refusals().await?;
    let namespace = &inspection.service.namespace;
    let result = send_probe(inspection.client(), namespace).await;
    let result = result.map_err(|error| Unread::request("failed to send a dry run", &error))?;
    judge(namespace, result).map(|problem| problem.into_iter().collect())
}

fn judge(namespace: &str, result: ProbeResult) -> Result<Option<Problem>, Unread> {
    let object = format!("Namespace {namespace}");
    Ok(match result {
        ProbeResult::Judged => None,
        ProbeResult::JudgedByOtherVersion => Some(Problem::warning(
            object,
            format!("a replica of another version than {} answered", env!("CARGO_PKG_VERSION")),
            "finish the rollout of the webhook, or run the command in the version of the webhook",
        )),
        ProbeResult::NotJudged(None) => Some(Problem::error(
            object,
            "the API server admitted a write that every replica refuses: it does not ask the webhook, or got no answer",
            "check `/readyz` of the webhook, its Service and endpoints, and the findings about the webhook configurations",
        )),
        // The API server itself refused, before any webhook.
        ProbeResult::NotJudged(Some(message)) if message.contains("cannot patch resource") => {
            return Err(Unread::new(
                format!("failed to send a dry run: {message}"),
                "run the command as an administrator of the cluster, or grant its account this permission",
            ));
        }
        ProbeResult::NotJudged(Some(message)) => Some(Problem::error(
            object,
            format!("a write that every replica refuses was refused, but not by Bulkhead: {message}"),
            "after `failed calling webhook`, check that the API server reaches the webhook (docs/webhook-access.md). Exempt \
             the namespace of Bulkhead from the webhook or policy that the message names",
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_by_this_version_is_expected() {
        let severity = |result| match judge("bulkhead-system", result) {
            Ok(found) => found.map(|problem| problem.severity),
            Err(_) => Some(Severity::Unchecked),
        };
        let other = |message: &str| ProbeResult::NotJudged(Some(message.to_owned()));
        assert_eq!(severity(ProbeResult::Judged), None);
        assert_eq!(severity(ProbeResult::JudgedByOtherVersion), Some(Severity::Warning));
        assert_eq!(severity(ProbeResult::NotJudged(None)), Some(Severity::Error));
        assert_eq!(severity(other("failed calling webhook: connection refused")), Some(Severity::Error));
        let forbidden = "User \"jane\" cannot patch resource \"namespaces\" in API group \"\"";
        assert_eq!(severity(other(forbidden)), Some(Severity::Unchecked));
    }
}
