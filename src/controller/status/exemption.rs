//! The conditions of an Exemption.

use kube::core::DeserializeGuard;

use super::condition::{ConditionType, false_because};
use super::inputs::StatusInputs;
use super::object::StatusObject;
use crate::api;
use crate::policy::{Rule, quote};
use crate::snapshot::{Exemption, NamespaceOwner, Snapshot};
use crate::sources::watch::read_exemption;

impl StatusObject for Exemption {
    type Resource = api::Exemption;

    const CONDITIONS: &'static [ConditionType<Self>] = &[ConditionType {
        name: api::READY,
        cases: &[
            false_because("Expired", expired),
            false_because("UnknownRule", unknown_rule),
            false_because("NotATenantNamespace", not_a_tenant_namespace),
        ],
        otherwise: ("Ready", |_| "the target may violate the listed rules".to_owned()),
    }];

    fn read(resource: DeserializeGuard<Self::Resource>) -> Result<Self, String> {
        read_exemption(resource).1
    }

    fn is_in(&self, snapshot: &Snapshot) -> bool {
        snapshot.exemption(&self.name) == Some(self)
    }
}

fn expired(exemption: &Exemption, inputs: &StatusInputs<'_>) -> Option<String> {
    let has_expired = exemption.expires <= inputs.now.as_second();
    has_expired.then(|| "the Exemption has expired and covers nothing".to_owned())
}

fn unknown_rule(exemption: &Exemption, _: &StatusInputs<'_>) -> Option<String> {
    let is_unknown = |code: &&String| Rule::find(code).is_none_or(|rule| !rule.can_be_exempted());
    let unknown = exemption.rules.iter().find(is_unknown)?;
    Some(format!("`spec.rules`: {} is not a rule that an Exemption can switch off", quote(unknown)))
}

fn not_a_tenant_namespace(exemption: &Exemption, inputs: &StatusInputs<'_>) -> Option<String> {
    let namespace = &exemption.target.namespace;
    match inputs.snapshot.owner(namespace) {
        Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_)) => None,
        Some(NamespaceOwner::Platform | NamespaceOwner::SharedService | NamespaceOwner::Unowned) | None => {
            Some(format!(
                "{} is not a namespace of a tenant, so these rules do not apply there",
                quote(namespace)
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::status::testing::{EXEMPTION, Scenario, expect_cases};

    #[test]
    fn cases_of_ready_of_an_exemption_apply() {
        let fine = || Scenario::new(EXEMPTION);
        let rules = |codes| fine().replacing("[BH301]", codes);
        let examples = [
            ("Expired", vec![(fine().replacing("12:00:01Z", "12:00:00Z"), "expired")]),
            ("UnknownRule", vec![(rules("[BH301, BH399]"), "`BH399`"), (rules("[BH301, BH201]"), "`BH201`")]),
            (
                "NotATenantNamespace",
                vec![
                    (fine().replacing("bulkhead.dev/tenant", "team"), "`tenant-north`"),
                    (fine().replacing("namespace: tenant-north", "namespace: nowhere"), "`nowhere`"),
                ],
            ),
        ];
        expect_cases::<Exemption>("Ready", &fine(), &examples);
    }
}
