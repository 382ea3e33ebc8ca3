//! The version of the API server. The CustomResourceDefinitions need 1.31; from 1.33 on, a namespace's pods are deleted
//! first.

use super::{Check, Inspection, Problem, Severity, Unread};

pub(super) const CHECK: Check = Check {
    name: "api-server-version",
    severity: Severity::Error,
    expects: "The API server has version 1.31 or newer, for Bulkhead's CustomResourceDefinitions; from 1.33 on, Kubernetes \
              deletes a namespace's pods before its policies.",
    run: |inspection| Box::pin(run(inspection)),
};

/// The oldest minor version of 1 in which the rules of CustomResourceDefinitions may use CIDRs.
const OLDEST: u32 = 31;
/// The first minor version that deletes a namespace's pods before its policies.
const ORDERED_DELETION: u32 = 33;

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let version = inspection.client().apiserver_version().await;
    let version = version.map_err(|error| Unread::request("failed to read `/version`", &error))?;
    judge(&version.major, &version.minor)
}

/// Managed clusters add a `+` to the minor version.
fn judge(major: &str, minor: &str) -> Result<Vec<Problem>, Unread> {
    let number = |text: &str| text.trim_end_matches(|letter: char| !letter.is_ascii_digit()).parse::<u32>();
    let (Ok(major), Ok(minor)) = (number(major), number(minor)) else {
        return Err(Unread::new(
            format!("`/version` says `{major}.{minor}`, which is no version"),
            "ask the API server directly: `kubectl version`",
        ));
    };
    let problem = match (major, minor) {
        (2.., _) | (1, ORDERED_DELETION..) => return Ok(Vec::new()),
        (1, OLDEST..) => Problem::warning(
            "",
            format!(
                "version {major}.{minor} can delete the policies of a terminating namespace before its pods, which then run \
                 without them"
            ),
            "upgrade Kubernetes to 1.33 or newer, or delete a tenant's workloads before its namespace",
        ),
        _ => Problem::error(
            "",
            format!("version {major}.{minor} does not accept the CustomResourceDefinition of Tenants"),
            "upgrade Kubernetes to 1.31 or newer",
        ),
    };
    Ok(vec![problem])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_are_found() {
        let severity = |major, minor| {
            judge(major, minor)
                .map_or(Some(Severity::Unchecked), |found| found.first().map(|found| found.severity))
        };
        for (minor, expected) in [
            ("36", None),
            ("33+", None),
            ("32", Some(Severity::Warning)),
            ("31+", Some(Severity::Warning)),
            ("30", Some(Severity::Error)),
            ("", Some(Severity::Unchecked)),
        ] {
            assert_eq!(severity("1", minor), expected, "1.{minor}");
        }
        assert_eq!(severity("2", "0"), None);
    }
}
