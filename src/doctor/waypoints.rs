//! The waypoints of an ambient mesh, and the Services and namespaces that use one. Calls go past a waypoint that is not
//! programmed, without an error.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::DynamicObject;

use super::mesh::tenant_namespaces;
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::keys::{USE_WAYPOINT_LABEL, USE_WAYPOINT_NAMESPACE_LABEL};
use crate::kinds::Kind;
use crate::snapshot::Snapshot;
use crate::sources::waypoint::{service_state, waypoint_state};

pub(super) const CHECK: Check = Check {
    name: "waypoints",
    severity: Severity::Error,
    expects: "In an ambient mesh, istiod has programmed the waypoints of tenants and shared services, `mesh.waypoints` has the \
              names of the tenants' ones, each Service is bound to the waypoint that it names, and no namespace of a tenant uses \
              a waypoint of another namespace.",
    run: |inspection| Box::pin(run(inspection)),
};

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let snapshot = inspection.snapshot().await?;
    if !snapshot.has_captured_pods() {
        return Ok(Vec::new());
    }
    let gateways = inspection.list_kind(Kind::KubernetesGateway, None).await?;
    let services = inspection.list_kind(Kind::Service, None).await?;
    let mut problems: Vec<Problem> =
        gateways.iter().flat_map(|gateway| judge_gateway(gateway, &snapshot)).collect();
    problems.extend(services.iter().filter_map(judge_service));
    let namespaces: Vec<Namespace> = inspection.list().await?;
    let of_tenants: BTreeSet<&str> = tenant_namespaces(&snapshot).collect();
    let is_tenants = |namespace: &&Namespace| of_tenants.contains(namespace.name_any().as_str());
    problems.extend(namespaces.iter().filter(is_tenants).filter_map(judge_namespace));
    Ok(problems)
}

fn judge_gateway(gateway: &DynamicObject, snapshot: &Snapshot) -> Vec<Problem> {
    let Some(programmed) = waypoint_state(gateway) else { return Vec::new() };
    let (namespace, name) = (gateway.namespace().unwrap_or_default(), gateway.name_any());
    let object = format!("Gateway {namespace}/{name}");
    let mut problems = Vec::new();
    let is_tenants = tenant_namespaces(snapshot).any(|known| known == namespace);
    if is_tenants && !snapshot.settings.lists_waypoint(&name) {
        problems.push(Problem::error(
            &object,
            "is a waypoint without a policy of the baseline, so other tenants can call the namespace through it",
            "list its name in `mesh.waypoints`, or delete it",
        ));
    }
    if let Err(reason) = programmed {
        problems.push(Problem::warning(
            object,
            format!("is a waypoint that is not programmed, so calls go past it: {reason}"),
            "look at the pods of the Gateway and at the log of istiod",
        ));
    }
    problems
}

fn judge_service(service: &DynamicObject) -> Option<Problem> {
    let waypoint = service.labels().get(USE_WAYPOINT_LABEL).filter(|name| *name != "none")?;
    let reason = service_state(service).err()?;
    Some(Problem::warning(
        format!("Service {}/{}", service.namespace().unwrap_or_default(), service.name_any()),
        format!("names the waypoint `{waypoint}` and is not bound to it, so calls go past it: {reason}"),
        "create the waypoint, or correct the label",
    ))
}

fn judge_namespace(namespace: &Namespace) -> Option<Problem> {
    let name = namespace.name_any();
    let home = namespace.labels().get(USE_WAYPOINT_NAMESPACE_LABEL).filter(|home| **home != name)?;
    Some(Problem::warning(
        format!("Namespace {name}"),
        format!(
            "uses a waypoint of the namespace `{home}`, where the baseline has no policy that denies other tenants"
        ),
        format!(
            "remove the label `{USE_WAYPOINT_NAMESPACE_LABEL}`, or copy the rules of `deny-cross-tenant` to this waypoint"
        ),
    ))
}
