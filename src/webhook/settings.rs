use std::fmt::Display;

use k8s_openapi::api::core::v1::ConfigMap;

use crate::policy::object::ObjectError;
use crate::policy::{Review, ReviewObject};
use crate::settings::Settings;
use crate::snapshot::{Snapshot, Tenant};
use crate::sources::settings_config_map::{parse_settings, settings_text};

/// The warning for a deletion, which must stay possible: the deletion of Bulkhead's namespace includes it.
const DELETED: &str = "Bulkhead keeps these settings only until its replicas restart, and without this ConfigMap no \
                       replica becomes ready. Create it again.";

/// Judges a write of the settings' ConfigMap. Returns warnings of its deletion, and of settings that take grants away from
/// Tenants, or the reason to refuse a ConfigMap without valid settings, to every user.
pub(super) fn check_settings(
    review: &Review<'_>,
    snapshot: Option<&Snapshot>,
) -> Result<Vec<String>, String> {
    if review.operation == "DELETE" {
        return Ok(vec![DELETED.to_owned()]);
    }
    // The reason begins with a line break, because the API server puts its own text before it.
    let reason = |error: &dyn Display| format!("\n{error}");
    let config_map = review.object.map(read).transpose().map_err(|error| reason(&error))?;
    let settings = settings_text(config_map).and_then(|text| parse_settings(&text));
    let settings = settings.map_err(|error| reason(&error))?;
    Ok(snapshot.map_or_else(Vec::new, |known| lost_grants(&settings, known)))
}

fn read(object: ReviewObject<'_>) -> Result<ConfigMap, ObjectError> {
    Ok(serde_json::from_str(object.raw()?.get())?)
}

/// Returns a warning for each gateway in use that the new settings lack.
fn lost_grants(new: &Settings, snapshot: &Snapshot) -> Vec<String> {
    let old = &snapshot.settings;
    let removed = old.gateways.iter().filter(|gateway| new.gateway(&gateway.name).is_none());
    let gateways = removed.filter_map(|gateway| {
        let tenants = tenants(snapshot, |tenant| tenant.grants.serve.gateways.contains(&gateway.name))?;
        Some(format!("gateways: `{}` is missing, and can no longer call {tenants}", gateway.name))
    });
    let is_egress_removed = old.egress_gateway.is_some() && new.egress_gateway.is_none();
    let reaching = tenants(snapshot, |tenant| !tenant.grants.reach.hosts.is_empty());
    let egress = reaching.filter(|_| is_egress_removed).map(|tenants| {
        format!("egressGateway: is missing, and {tenants} can no longer reach hosts through it")
    });
    gateways.chain(egress).collect()
}

/// Returns the names of the tenants for which `is_affected` is true, the first ones if they are many; `None` if there
/// are none.
fn tenants(snapshot: &Snapshot, is_affected: impl Fn(&Tenant) -> bool) -> Option<String> {
    let affected = snapshot.tenants().filter(|tenant| is_affected(tenant));
    let names: Vec<&str> = affected.map(|tenant| tenant.name.as_str()).collect();
    match names.as_slice() {
        [] => None,
        [first, second, third, others @ ..] if !others.is_empty() => {
            Some(format!("the tenants {first}, {second}, {third} and {} others", others.len()))
        }
        names => Some(format!("the tenants {}", names.join(", "))),
    }
}
