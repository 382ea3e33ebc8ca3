//! The conditions of a SharedService.

use kube::core::DeserializeGuard;

use super::condition::{ConditionType, false_because, true_because};
use super::inputs::StatusInputs;
use super::object::StatusObject;
use crate::api;
use crate::baseline::waypoint_name;
use crate::controller::baseline::Target;
use crate::keys::{AMBIENT, DATAPLANE_LABEL, USE_WAYPOINT_LABEL};
use crate::policy::quote;
use crate::snapshot::{NamespaceOwner, SharedService, Snapshot};
use crate::sources::watch::read_shared_service;

impl StatusObject for SharedService {
    type Resource = api::SharedService;

    const CONDITIONS: &'static [ConditionType<Self>] = &[
        ConditionType {
            name: api::READY,
            cases: &[
                false_because("NamespaceNotAccepted", namespace_not_accepted),
                false_because("BaselineNotReady", baseline_not_ready),
            ],
            otherwise: ("Ready", |service| {
                format!("only platform accounts may write to `{}`", service.namespace)
            }),
        },
        ConditionType {
            name: api::WAYPOINT_READY,
            cases: &[
                true_because("NotNeeded", waypoint_not_needed),
                false_because("NotCaptured", pods_not_captured),
                false_because("NotProgrammed", waypoint_not_programmed),
                false_because("NotUsed", waypoint_not_used),
                false_because("PortNotServed", port_not_served),
            ],
            otherwise: ("Ready", |_| "the waypoint is programmed, and the Service uses it".to_owned()),
        },
    ];

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

fn waypoint_not_needed(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    let is_needed = waypoint_name(&inputs.snapshot.settings, service).is_some();
    (!is_needed).then(|| "only HTTP ports in an ambient mesh need a waypoint".to_owned())
}

/// ztunnel enforces the policies of the pods only if it captures their traffic.
fn pods_not_captured(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    waypoint_name(&inputs.snapshot.settings, service)?;
    let namespace = &service.namespace;
    let label = inputs.snapshot.namespace(namespace).and_then(|known| known.label(DATAPLANE_LABEL));
    (label != Some(AMBIENT)).then(|| {
        format!(
            "ztunnel does not capture the pods, so no policy of the mesh protects them: label the namespace {} \
             `{DATAPLANE_LABEL}: {AMBIENT}`",
            quote(namespace)
        )
    })
}

fn waypoint_not_programmed(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    let waypoint = waypoint_name(&inputs.snapshot.settings, service)?;
    let reason = match inputs.waypoints.waypoint(&service.namespace, &waypoint) {
        Some(Ok(())) => return None,
        Some(Err(reason)) => reason.as_str(),
        None => "it does not exist",
    };
    Some(format!(
        "no tenant reaches the HTTP ports until the waypoint {} is programmed: {reason}",
        quote(&waypoint)
    ))
}

fn waypoint_not_used(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    let waypoint = waypoint_name(&inputs.snapshot.settings, service)?;
    let reason = match inputs.waypoints.service(&service.namespace, &service.service) {
        Some(known) if known.uses(&service.namespace, &waypoint) => match &known.bound {
            Ok(()) => return None,
            Err(reason) => reason.clone(),
        },
        _ => format!("label it `{USE_WAYPOINT_LABEL}: {waypoint}`"),
    };
    Some(format!(
        "calls to the Service {} do not go through the waypoint, so its pods refuse them: {reason}",
        quote(&service.service)
    ))
}

fn port_not_served(service: &SharedService, inputs: &StatusInputs<'_>) -> Option<String> {
    let known = inputs.waypoints.service(&service.namespace, &service.service)?;
    waypoint_name(&inputs.snapshot.settings, service)?;
    let port = service.ports.iter().find(|port| !known.leads(port.at_waypoint(), port.port))?;
    Some(format!(
        "the Service {} has no port {} that leads to port {} of its pods, so the waypoint refuses these calls: set \
         `servicePort` to the port of the Service",
        quote(&service.service),
        port.at_waypoint(),
        port.port
    ))
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

    const AMBIENT: &str =
        "{ apiVersion: bulkhead.dev/v1alpha1, kind: Settings, mesh: { dataplane: Ambient } }";
    const CAPTURED: &str = "{ name: logging, labels: { istio.io/dataplane-mode: ambient } }";
    const WAYPOINT: &str = "
    apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: { name: bulkhead-logs-waypoint, namespace: logging }
    spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
    status:
      conditions:
        - { type: Programmed, status: 'True', reason: a, message: fine, lastTransitionTime: '2026-06-01T12:00:00Z' }
    ";
    const SERVICE: &str = "
    apiVersion: v1
    kind: Service
    metadata:
      name: logs
      namespace: logging
      labels: { istio.io/use-waypoint: bulkhead-logs-waypoint }
    spec: { ports: [{ port: 80, targetPort: 8080 }] }
    status:
      conditions:
        - { type: istio.io/WaypointBound, status: 'True', reason: a, message: fine, lastTransitionTime: '2026-06-01T12:00:00Z' }
    ";

    fn ambient(gateway: &str, service: &str) -> Scenario {
        let http = "ports: [{ port: 8080, servicePort: 80, protocol: HTTP }]";
        let scenario = Scenario::new(SHARED_SERVICE).replacing("ports: [{ port: 80 }]", http).with(AMBIENT);
        let scenario = scenario.replacing("{ name: logging }", CAPTURED);
        [gateway, service].into_iter().filter(|text| !text.is_empty()).fold(scenario, Scenario::with_object)
    }

    #[test]
    fn cases_of_waypoint_ready_of_a_shared_service_apply() {
        let refused = |text: &str| {
            text.replacen("'True'", "'False'", 1).replacen("message: fine", "message: 'no pod, and'", 1)
        };
        let other = SERVICE.replace("use-waypoint: bulkhead-logs-waypoint", "use-waypoint: other");
        let named = SERVICE.replace("targetPort: 8080", "targetPort: http");
        let examples = [
            ("NotNeeded", vec![(Scenario::new(SHARED_SERVICE).with(AMBIENT), "only HTTP ports")]),
            (
                "NotCaptured",
                vec![(
                    ambient(WAYPOINT, SERVICE).replacing(": ambient }", ": none }"),
                    "`istio.io/dataplane-mode: ambient`",
                )],
            ),
            (
                "NotProgrammed",
                vec![
                    (ambient("", SERVICE), "it does not exist"),
                    (ambient(&refused(WAYPOINT), SERVICE), "no pod, and"),
                ],
            ),
            (
                "NotUsed",
                vec![
                    (ambient(WAYPOINT, ""), "`istio.io/use-waypoint: bulkhead-logs-waypoint`"),
                    (ambient(WAYPOINT, &other), "`istio.io/use-waypoint: bulkhead-logs-waypoint`"),
                    (ambient(WAYPOINT, &refused(SERVICE)), "no pod, and"),
                ],
            ),
            (
                "PortNotServed",
                vec![(ambient(WAYPOINT, &SERVICE.replace("port: 80,", "port: 81,")), "no port 80")],
            ),
        ];
        expect_cases::<SharedService>("WaypointReady", &ambient(WAYPOINT, SERVICE), &examples);
        ambient(WAYPOINT, &named).run(|service, inputs| assert_eq!(port_not_served(service, inputs), None));
    }
}
