//! Finds the Exemption that turns a rule off for an object. An Exemption covers its target, and the objects that the
//! target's own controller creates from it. Anyone can write an owner reference, so it counts only in a request by
//! the controller itself, and only if it names the live object.

use super::fields::Found;
use super::object::{OwnerInfo, Workload};
use super::proxy::{INJECTED_CONTAINERS, is_mesh_image};
use super::{Review, Rule};
use crate::kinds::Kind;
use crate::settings::{CONTROLLER_MANAGER, Settings, controller_account_for};
use crate::snapshot::{Exemption, LiveObjectKey, Snapshot};

/// Returns the name of the Exemption that turns `rule` off for the object. `Err` if there is none, with the object to
/// look up before that is certain.
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
        |exemption: &&Exemption| exemption.rules.contains(rule.code()) && review.time < exemption.expires;
    let mut exemptions = snapshot.exemptions(review.namespace).filter(is_active).peekable();
    let (Some(_), Some(object)) = (exemptions.peek(), review.object) else { return Err(None) };
    let Ok(raw) = object.raw() else { return Err(None) };
    let (Ok(workload), Ok(info)) =
        (Workload::read(kind, raw, review.stage, &mut Found::default()), OwnerInfo::read(raw))
    else {
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

/// True if the pod matches the Exemption's target: it runs only listed images (and the mesh's own containers), uses
/// the host network only if the target does, and runs as the target's service account.
fn matches_pod_spec(exemption: &Exemption, workload: &Workload<'_>, settings: &Settings) -> bool {
    workload.service_account() == exemption.target.service_account
        && (exemption.target.host_network || !workload.host_network().value)
        && workload.containers().all(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            exemption.target.images.iter().any(|allowed| allowed == image)
                || (INJECTED_CONTAINERS.contains(&&*container.name) && is_mesh_image(image, settings))
        })
}

/// True if the object is the target or descends from it. `Err` with an owner that must be looked up first.
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
