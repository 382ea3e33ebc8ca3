//! The conditions of a SharedService.

use kube::core::DeserializeGuard;

use super::condition::{ConditionType, false_because};
use super::inputs::StatusInputs;
use super::object::StatusObject;
use crate::api;
use crate::controller::baseline::Target;
use crate::snapshot::{NamespaceOwner, SharedService, Snapshot};
use crate::sources::watch::read_shared_service;

impl StatusObject for SharedService {
    type Resource = api::SharedService;

    const CONDITIONS: &'static [ConditionType<Self>] = &[ConditionType {
        name: api::READY,
        cases: &[
            false_because("NamespaceNotAccepted", namespace_not_accepted),
            false_because("BaselineNotReady", baseline_not_ready),
        ],
        otherwise: ("Ready", |service| {
            format!("only platform accounts may write to `{}`", service.namespace)
        }),
    }];

    fn read(resource: DeserializeGuard<Self::Resource>) -> Result<Self, String> {
        read_shared_service(resource).1
    }

    fn is_in(&self, snapshot: &Snapshot) -> bool {
        snapshot.shared_service(&self.name) == Some(self)
    }
}

fn namespace_not_accepted(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    if inputs.snapshot.is_accepted(service) {
        return None;
    }
    let namespace = &service.namespace;
    let (owner, fix) = match inputs.snapshot.owner(namespace) {
        Some(NamespaceOwner::Platform) => {
            ("the platform", "list it in `platform.sharedNamespaces` of the settings, or move the service")
        }
        _ => ("a tenant", "move the service to a namespace of its own"),
    };
    Some(format!(
        "`{namespace}` is a namespace of {owner}, so Bulkhead does not protect this identity; {fix}"
    ))
}

fn baseline_not_ready(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    let error = inputs.error(&Target::Service(service.name.clone()))?;
    Some(format!("the controller could not write an object that protects the service: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::status::testing::{SHARED_SERVICE, Scenario, expect_cases};

    #[test]
    fn cases_of_ready_of_a_shared_service_apply() {
        let fine = || Scenario::new(SHARED_SERVICE);
        let labels = "{ name: logging, labels: { bulkhead.dev/tenant: north } }";
        let settings = "
    apiVersion: bulkhead.dev/v1alpha1
    kind: Settings
    platform: { groups: [admins], namespaces: [logging] }
    ";
        let examples = [
            (
                "NamespaceNotAccepted",
                vec![
                    (fine().replacing("{ name: logging }", labels), "a tenant"),
                    (fine().with(settings), "`platform.sharedNamespaces`"),
                ],
            ),
            (
                "BaselineNotReady",
                vec![(
                    fine().with_error(Target::Service("logs".to_owned()), "quota is full", false),
                    "quota is full",
                )],
            ),
        ];
        expect_cases::<SharedService>("Ready", &fine(), &examples);
    }
}
