//! The CA bundles of the webhook configurations, and the certificate in the Secret of the webhook.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::webhook_configuration::{entries, live};
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::certs::{CERTIFICATE_SECRET, Validity};

pub(super) const CHECK: Check = Check {
    name: "webhook-certificate",
    severity: Severity::Error,
    expects: "Each CA bundle of the webhook configurations has a valid certificate, and so has the Secret \
              `bulkhead-webhook-tls`, if it exists. None is in the last sixth of its life.",
    run: |inspection| Box::pin(run(inspection)),
};

const REMEDY: &str = "with certificates of Bulkhead's own, check that the controller runs: it renews them in the last third \
                      of their life. Otherwise renew them, and see docs/certificates.md";

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let live = live(inspection).await?;
    let bundles: Vec<(&str, Vec<u8>)> = live.iter().flatten().flat_map(entries).map(bundle).collect();
    let mut problems = judge_bundles(&bundles, inspection.time);
    let namespace = &inspection.service.namespace;
    match inspection.find_in::<Secret>(namespace, CERTIFICATE_SECRET).await {
        Ok(Some(secret)) => {
            let certificate = secret.data.and_then(|mut data| data.remove("tls.crt")).unwrap_or_default();
            let object = format!("Secret {namespace}/{CERTIFICATE_SECRET}");
            // The leaf is the first.
            let leaf = Validity::of_bundle(&certificate.0).next();
            problems.extend(judge(object, leaf, inspection.time));
        }
        // The webhook serves a certificate of a file.
        Ok(None) => {}
        Err(unread) => problems.push(unread.into()),
    }
    Ok(problems)
}

/// Returns the name and the CA bundle of a webhook.
fn bundle(webhook: &Value) -> (&str, Vec<u8>) {
    let text = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str).unwrap_or_default();
    (webhook["name"].as_str().unwrap_or_default(), STANDARD.decode(text).unwrap_or_default())
}

/// Judges the youngest certificate of each bundle. Older ones stay in a bundle until they expire.
fn judge_bundles(bundles: &[(&str, Vec<u8>)], now: i64) -> Vec<Problem> {
    let judged = bundles.iter().filter_map(|(name, bundle)| {
        let youngest = Validity::of_bundle(bundle).max_by_key(|validity| validity.ends);
        judge(format!("CA bundle of `{name}`"), youngest, now)
    });
    judged.collect()
}

fn judge(object: String, validity: Option<Validity>, now: i64) -> Option<Problem> {
    let Some(validity) = validity else {
        return Some(Problem::error(object, "has no certificate that can be read", REMEDY));
    };
    let end =
        Timestamp::from_second(validity.ends).map_or_else(|error| error.to_string(), |end| end.to_string());
    if validity.has_expired(now) {
        return Some(Problem::error(object, format!("the certificate expired at {end}"), REMEDY));
    }
    let is_late = validity.is_ending(now);
    is_late.then(|| {
        Problem::warning(object, format!("the certificate expires at {end}, and was not renewed"), REMEDY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_judged_by_their_remaining_life() {
        let validity = Validity { starts: 0, ends: 600 };
        let severity = |now| judge(String::new(), Some(validity), now).map(|problem| problem.severity);
        assert_eq!(severity(499), None);
        assert_eq!(severity(501), Some(Severity::Warning));
        assert_eq!(severity(600), Some(Severity::Error));
    }

    #[test]
    fn bundle_without_a_certificate_is_an_error() {
        let found = judge_bundles(&[("a", b"no PEM".to_vec()), ("b", Vec::new())], 0);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|problem| problem.severity == Severity::Error));
    }
}
