//! Whether an Exemption switches a rule off for an object: for its target, and for what the target's own
//! controller makes of it. Anyone can write an owner reference; it counts only from the controller itself, and
//! only to the object that lives.

use super::kind::Kind;
use super::object::{Owned, Workload};
use super::proxy::{NAMES, is_mesh_image};
use super::{Review, Rule};
use crate::settings::Settings;
use crate::world::{ALL_CONTROLLERS, Exemption, ObjectKey, World, controller_of};

/// The name of the exemption by which `rule` is off for the object; `Err` if there is none, with what must be
/// looked at to be sure.
pub(super) fn covers<'w>(
    review: &Review<'_>,
    kind: Kind,
    rule: &Rule,
    world: &'w World,
) -> Result<&'w str, Option<ObjectKey>> {
    if !rule.can_be_exempted() {
        return Err(None);
    }
    let in_force =
        |exemption: &&Exemption| exemption.rules.contains(rule.code) && review.time < exemption.expires;
    let mut exemptions = world.exemptions(review.namespace).filter(in_force).peekable();
    let (Some(_), Some(raw)) = (exemptions.peek(), review.object) else { return Err(None) };
    let (Ok(workload), Ok(owned)) = (Workload::read(kind, raw, review.form), Owned::read(raw)) else {
        return Err(None);
    };
    let mut unknown = None;
    for exemption in exemptions.filter(|exemption| pins(exemption, &workload, &world.settings)) {
        match descends(review, kind, &owned, exemption, world) {
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
    world: &World,
) -> Result<bool, ObjectKey> {
    if owned.name.as_deref().is_some_and(|name| exemption.is_about(kind.name(), name)) {
        return Ok(true);
    }
    let Some(maker) = &owned.controller else { return Ok(false) };
    let accounts = [controller_of(&maker.kind), Some(ALL_CONTROLLERS)];
    if !accounts.contains(&Some(review.user.name)) {
        return Ok(false);
    }
    let live = |kind: &str, name: &str, uid: &str| {
        let key = ObjectKey {
            namespace: review.namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        world.live(&key).filter(|live| live.uid == uid).ok_or(key)
    };
    let made_by = live(&maker.kind, &maker.name, &maker.uid)?;
    if exemption.is_about(&maker.kind, &maker.name) {
        return Ok(true);
    }
    match &made_by.controller {
        Some(above) if exemption.is_about(&above.kind, &above.name) => {
            live(&above.kind, &above.name, &above.uid).map(|_| true)
        }
        _ => Ok(false),
    }
}
