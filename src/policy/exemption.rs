//! Whether an Exemption switches a rule off for an object: for its target, and for what the target's own
//! controller makes of it. Anyone can write an owner reference; it counts only from the controller itself, and
//! only to the object that lives.

use super::kind::Kind;
use super::object::{Owned, Workload};
use super::proxy::{NAMES, is_mesh_image};
use super::{Review, Rule};
use crate::settings::Settings;
use crate::snapshot::{CONTROLLER_MANAGER, Exemption, LiveObjectKey, Snapshot, controller_account_for};

/// The name of the exemption by which `rule` is off for the object; `Err` if there is none, with what must be
/// looked at to be sure.
pub(super) fn covers<'w>(
    review: &Review<'_>,
    kind: Kind,
    rule: &Rule,
    snapshot: &'w Snapshot,
) -> Result<&'w str, Option<LiveObjectKey>> {
    if !rule.can_be_exempted() {
        return Err(None);
    }
    let in_force =
        |exemption: &&Exemption| exemption.rules.contains(rule.code) && review.time < exemption.expires;
    let mut exemptions = snapshot.exemptions(review.namespace).filter(in_force).peekable();
    let (Some(_), Some(raw)) = (exemptions.peek(), review.object) else { return Err(None) };
    let (Ok(workload), Ok(owned)) = (Workload::read(kind, raw, review.form), Owned::read(raw)) else {
        return Err(None);
    };
    let mut unknown = None;
    for exemption in exemptions.filter(|exemption| pins(exemption, &workload, &snapshot.settings)) {
        match descends(review, kind, &owned, exemption, snapshot) {
            Ok(true) => return Ok(&exemption.name),
            Ok(false) => {}
            Err(key) => unknown = Some(key),
        }
    }
    Err(unknown)
}

/// Whether nothing runs in it but what the exemption lists, where it says and under the account that it names.
fn pins(exemption: &Exemption, workload: &Workload<'_>, settings: &Settings) -> bool {
    workload.service_account() == exemption.target.service_account
        && (exemption.target.host_network || !workload.host_network().value)
        && workload.containers().all(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            exemption.target.images.iter().any(|pinned| pinned == image)
                || (NAMES.contains(&&*container.name) && is_mesh_image(image, settings))
        })
}

/// Whether the object is the target or comes from it; `Err` with what is not known of its line.
fn descends(
    review: &Review<'_>,
    kind: Kind,
    owned: &Owned<'_>,
    exemption: &Exemption,
    snapshot: &Snapshot,
) -> Result<bool, LiveObjectKey> {
    if owned.name.as_deref().is_some_and(|name| exemption.targets(kind.name(), name)) {
        return Ok(true);
    }
    let Some(maker) = &owned.controller else { return Ok(false) };
    let accounts = [controller_account_for(&maker.kind), Some(CONTROLLER_MANAGER)];
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
    let live_controller = find_live(&maker.kind, &maker.name, &maker.uid)?;
    if exemption.targets(&maker.kind, &maker.name) {
        return Ok(true);
    }
    match &live_controller.controller {
        Some(above) if exemption.targets(&above.kind, &above.name) => {
            find_live(&above.kind, &above.name, &above.uid).map(|_| true)
        }
        _ => Ok(false),
    }
}
