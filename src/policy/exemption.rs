//! Whether an Exemption switches a rule off for an object: for its target, and for what the target's own
//! controller makes of it. Anyone can write an owner reference; it counts only from the controller itself, and
//! only to the object that lives.

use super::kind::Kind;
use super::object::{OwnerInfo, Workload};
use super::proxy::{INJECTED_CONTAINERS, is_mesh_image};
use super::{Review, Rule};
use crate::settings::Settings;
use crate::snapshot::{CONTROLLER_MANAGER, Exemption, LiveObjectKey, Snapshot, controller_account_for};

/// The name of the exemption by which `rule` is off for the object; `Err` if there is none, with what must be
/// looked at to be sure.
pub(super) fn covering_exemption<'w>(
    review: &Review<'_>,
    kind: Kind,
    rule: &Rule,
    snapshot: &'w Snapshot,
) -> Result<&'w str, Option<LiveObjectKey>> {
    if !rule.can_be_exempted() {
        return Err(None);
    }
    let is_active =
        |exemption: &&Exemption| exemption.rules.contains(rule.code) && review.time < exemption.expires;
    let mut exemptions = snapshot.exemptions(review.namespace).filter(is_active).peekable();
    let (Some(_), Some(raw)) = (exemptions.peek(), review.object) else { return Err(None) };
    let (Ok(workload), Ok(info)) = (Workload::read(kind, raw, review.stage), OwnerInfo::read(raw)) else {
        return Err(None);
    };
    let mut needs_lookup = None;
    for exemption in exemptions.filter(|exemption| matches_pod_spec(exemption, &workload, &snapshot.settings))
    {
        match is_target_or_descendant(review, kind, &info, exemption, snapshot) {
            Ok(true) => return Ok(&exemption.name),
            Ok(false) => {}
            Err(key) => needs_lookup = Some(key),
        }
    }
    Err(needs_lookup)
}

/// Whether nothing runs in it but what the exemption lists, where it says and under the account that it names.
fn matches_pod_spec(exemption: &Exemption, workload: &Workload<'_>, settings: &Settings) -> bool {
    workload.service_account() == exemption.target.service_account
        && (exemption.target.host_network || !workload.host_network().value)
        && workload.containers().all(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            exemption.target.images.iter().any(|allowed| allowed == image)
                || (INJECTED_CONTAINERS.contains(&&*container.name) && is_mesh_image(image, settings))
        })
}

/// Whether the object is the target or comes from it; `Err` with what is not known of its line.
fn is_target_or_descendant(
    review: &Review<'_>,
    kind: Kind,
    info: &OwnerInfo<'_>,
    exemption: &Exemption,
    snapshot: &Snapshot,
) -> Result<bool, LiveObjectKey> {
    if info.name.as_deref().is_some_and(|name| exemption.targets(kind.name(), name)) {
        return Ok(true);
    }
    let Some(controller) = &info.controller else { return Ok(false) };
    let accounts = [controller_account_for(&controller.kind), Some(CONTROLLER_MANAGER)];
    if !accounts.contains(&Some(review.user.name)) {
        return Ok(false);
    }
    let find_live = |kind: &str, name: &str, uid: &str| {
        let key = LiveObjectKey {
            namespace: review.namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        snapshot.live_object(&key).filter(|live| live.uid == uid).ok_or(key)
    };
    let live_controller = find_live(&controller.kind, &controller.name, &controller.uid)?;
    if exemption.targets(&controller.kind, &controller.name) {
        return Ok(true);
    }
    match &live_controller.controller {
        Some(parent) if exemption.targets(&parent.kind, &parent.name) => {
            find_live(&parent.kind, &parent.name, &parent.uid).map(|_| true)
        }
        _ => Ok(false),
    }
}
