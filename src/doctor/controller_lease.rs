//! The Lease of the leading controller, which writes baselines and registrations.

use k8s_openapi::api::coordination::v1::Lease;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::registration::CONTROLLER;

pub(super) const CHECK: Check = Check {
    name: "controller-lease",
    severity: Severity::Error,
    expects: "A controller leads: it renewed its Lease in the last minute. The clocks of the two machines are compared.",
    run: |inspection| Box::pin(run(inspection)),
};

/// A leader renews the Lease every two seconds. Clocks differ.
const LIMIT: i64 = 60;

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let namespace = &inspection.service.namespace;
    let lease = inspection.find_in::<Lease>(namespace, CONTROLLER).await?;
    Ok(judge(namespace, lease.as_ref(), inspection.time).into_iter().collect())
}

fn judge(namespace: &str, lease: Option<&Lease>, now: i64) -> Option<Problem> {
    let spec = lease.and_then(|lease| lease.spec.as_ref());
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0.as_second());
    let message = match renewed {
        Some(renewed) if !holder.is_empty() && now - renewed <= LIMIT => return None,
        Some(renewed) if !holder.is_empty() => {
            format!("`{holder}` has not renewed the Lease for {} seconds", now - renewed)
        }
        _ => "no controller leads".to_owned(),
    };
    let remedy = "start the controller, and read its log: without it nothing repairs baselines and new namespaces do not \
                  become ready";
    Some(Problem::error(format!("Lease {namespace}/{CONTROLLER}"), message, remedy))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expired_and_released_leases_are_found() {
        let lease = |holder: &str| {
            let spec = json!({ "holderIdentity": holder, "renewTime": "1970-01-01T00:10:00.000000Z" });
            serde_json::from_value::<Lease>(json!({ "spec": spec })).ok()
        };
        let is_found = |holder: &str, now| judge("system", lease(holder).as_ref(), now).is_some();
        assert!(!is_found("replica-1", 610));
        assert!(is_found("replica-1", 700));
        assert!(is_found("", 610));
        assert!(judge("system", None, 610).is_some());
    }
}
