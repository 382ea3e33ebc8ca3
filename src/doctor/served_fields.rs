//! The fields that the API server serves for judged kinds, compared with the tables of fields.

use std::collections::BTreeMap;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::audit::{UnlistedField, unlisted_fields};
use crate::kinds::Kind;
use crate::policy::quote;
use crate::settings::Settings;

pub(super) const CHECK: Check = Check {
    name: "served-fields",
    severity: Severity::Warning,
    expects: "The tables of fields, or `allowedFields`, list every field that the API server serves for a judged kind. Objects \
              with another field are refused in tenants' namespaces.",
    run: |inspection| Box::pin(run(inspection)),
};

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let fields = unlisted_fields(inspection.client()).await;
    let fields = fields.map_err(|error| Unread::request("failed to read `/openapi/v3`", &error))?;
    Ok(judge(fields, &inspection.settings))
}

/// Returns one problem a kind.
fn judge(fields: impl IntoIterator<Item = UnlistedField>, settings: &Settings) -> Vec<Problem> {
    let mut by_kind: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for UnlistedField { kind, path } in fields {
        if !settings.allows_field(kind, &path) {
            by_kind.entry(kind).or_default().push(quote(&path));
        }
    }
    let problem = |(kind, paths): (Kind, Vec<String>)| {
        Problem::warning(
            kind.name(),
            format!(
                "the cluster serves fields that Bulkhead does not know, and refuses: {}",
                paths.join(", ")
            ),
            format!(
                "upgrade Bulkhead, or review the fields and list them in `allowedFields.{}`",
                kind.name()
            ),
        )
    };
    by_kind.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn allowed_fields_are_left_out() {
        let field = |path: &str| UnlistedField { kind: Kind::Sidecar, path: path.to_owned() };
        let mut settings = Settings::default();
        assert_eq!(judge([field("spec.new"), field("spec.newer")], &settings).len(), 1);
        settings.allowed_fields.insert(Kind::Sidecar, BTreeSet::from(["spec.new".to_owned()]));
        assert_eq!(judge([field("spec.new")], &settings).len(), 0);
    }
}
