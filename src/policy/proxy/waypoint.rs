//! The pod of a waypoint. Istiod makes it from a Gateway, from a template of its own and without the injector, and ztunnel
//! does not capture it. The comparison is an allow-list, which the whole pod must pass.

use super::PROXY_CONTAINER;
use super::arguments::WAYPOINT_ARGUMENTS;
use super::comparison::{Expected, Role, WAYPOINT_FIX};
use super::container;
use super::metadata::{Judgement, judge};
use super::volumes::is_of_waypoint;
use crate::keys::{
    DATAPLANE_LABEL, GATEWAY_NAME_LABEL, GATEWAY_SERVICE_ANNOTATIONS, INJECT_KEY, Map, NETWORK_LABEL,
    OVERRIDES_ANNOTATION, STATUS_ANNOTATION, TEMPLATES_ANNOTATION, WAYPOINT_FOR_LABEL, WAYPOINT_POD_LABEL,
    is_mesh_key,
};
use crate::policy::object::{ContainerKind, Stage, Workload};
use crate::policy::{RuleReport, quote, quote_all};
use crate::settings::Settings;
use crate::snapshot::ProxyReference;

/// Istio's labels of a waypoint's pod, which other pods must not have or have with other values.
const LABELS: [(&str, &[&str]); 4] = [
    (WAYPOINT_POD_LABEL.0, &[WAYPOINT_POD_LABEL.1]),
    (DATAPLANE_LABEL, &["none"]),
    (WAYPOINT_FOR_LABEL, &["all", "none", "service", "workload"]),
    (INJECT_KEY, &["false"]),
];

/// Annotations of pods that the injector has to do with.
const OF_INJECTOR: [&str; 4] = [INJECT_KEY, OVERRIDES_ANNOTATION, STATUS_ANNOTATION, TEMPLATES_ANNOTATION];

/// True if the labels of a pod or a template say that it is a waypoint.
pub fn is_claimed_waypoint(workload: &Workload<'_>) -> bool {
    let (label, value) = WAYPOINT_POD_LABEL;
    workload.metadata().metadata.label_value(label) == Some(value)
}

/// Compares a pod or a template with the waypoints that istiod makes, and reports the differences. Values that the mesh
/// sets for every proxy are those of the reference.
pub fn compare_waypoint(
    workload: &Workload<'_>,
    settings: &Settings,
    reference: Option<&ProxyReference>,
    report: &mut RuleReport,
) {
    judge_name_and_account(workload, settings, report);
    judge_keys(workload, settings, reference, report);
    let injected = reference.and_then(|known| known.native.as_ref().or(known.classic.as_ref()));
    let expected = Expected {
        settings,
        reference: injected,
        exact: false,
        role: Role::Waypoint,
        is_authored: workload.stage == Stage::Authored,
    };
    let mut proxies = 0;
    for container in workload.containers() {
        if *container.name == *PROXY_CONTAINER && container.kind == ContainerKind::App && proxies == 0 {
            proxies += 1;
            container::compare(container, PROXY_CONTAINER, &WAYPOINT_ARGUMENTS, expected, report);
        } else {
            let message = format!("the pod of a waypoint has no container {} here", quote(&container.name));
            report.add(&container.path(), message, WAYPOINT_FIX);
        }
    }
    if proxies == 0 {
        let message = format!("the pod of a waypoint has a container `{PROXY_CONTAINER}`");
        report.add(&workload.spec_path(), message, WAYPOINT_FIX);
    }
    // The API server adds the token of the pod's account.
    let is_token = |name: &str| workload.stage != Stage::Authored && name.starts_with("kube-api-access-");
    for volume in workload.volumes().elements() {
        let name = &*volume.value.name;
        if !is_of_waypoint(volume.value) && !is_token(name) {
            let message = format!("the pod of a waypoint has no such volume {}", quote(name));
            report.add(&volume.path, message, WAYPOINT_FIX);
        }
    }
}

/// The policy of the baseline is attached by the name of the Gateway, and the account has this name too.
fn judge_name_and_account(workload: &Workload<'_>, settings: &Settings, report: &mut RuleReport) {
    let metadata = workload.metadata();
    let gateway = metadata.metadata.label_value(GATEWAY_NAME_LABEL).unwrap_or_default();
    if !settings.lists_waypoint(gateway) {
        let message = format!(
            "the baseline has policies for waypoints with the name {}, and none for {}",
            quote_all(&settings.waypoints),
            quote(gateway)
        );
        return report.add(&metadata.label_path(GATEWAY_NAME_LABEL), message, WAYPOINT_FIX);
    }
    let account = workload.service_account();
    if account != gateway {
        let message = format!("the account of a waypoint has the name of its Gateway, {}", quote(gateway));
        report.add(&workload.service_account_path(), message, WAYPOINT_FIX);
    }
}

fn judge_keys(
    workload: &Workload<'_>,
    settings: &Settings,
    reference: Option<&ProxyReference>,
    report: &mut RuleReport,
) {
    let metadata = workload.metadata();
    let network = reference.and_then(ProxyReference::network);
    for map in Map::ALL {
        for (key, value) in metadata.metadata.entries(map).iter().filter(|(key, _)| is_mesh_key(key)) {
            let own = LABELS.iter().find(|(label, _)| map == Map::Labels && **key == **label);
            let is_allowed = match own {
                Some((_, values)) => values.contains(&&**value),
                None if map == Map::Labels && **key == *NETWORK_LABEL => network.as_deref() == Some(&**value),
                None if map == Map::Annotations && GATEWAY_SERVICE_ANNOTATIONS.contains(&&**key) => true,
                None => {
                    !OF_INJECTOR.contains(&&**key) && judge(map, key, value, settings) == Judgement::Harmless
                }
            };
            if !is_allowed {
                let message = format!("istiod does not write {} here for a waypoint", quote(value));
                report.add(&metadata.path(map, key), message, WAYPOINT_FIX);
            }
        }
    }
    // A pod without them is captured, or has a sidecar.
    let required = [DATAPLANE_LABEL, INJECT_KEY].into_iter();
    for label in required.filter(|label| metadata.metadata.label_value(label).is_none()) {
        let message = format!("istiod writes the label {} for a waypoint", quote(label));
        report.add(&metadata.label_path(label), message, WAYPOINT_FIX);
    }
}
