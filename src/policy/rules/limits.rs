//! Reports the fields and the keys with a value that their table does not allow.

use std::collections::BTreeSet;

use super::{Kind, Operation, Request, RuleReport, quote, quote_all};
use crate::keys::{self, Map};
use crate::policy::KnownKey;
use crate::policy::fields::{LimitedField, Values, text};
use crate::policy::object::MetadataAt;
use crate::policy::proxy::metadata::is_allowed;
use crate::settings::Settings;

/// Reports the fields whose limit has the code of `report`. `advice` returns the rule's own fix.
pub(super) fn refuse(request: &Request<'_>, report: &mut RuleReport, advice: impl Fn() -> String) {
    let (mesh, code) = ((&*request.snapshot.settings, request.dataplane()), report.code());
    for field in request.found.limited.iter().filter(|field| field.limit.code == code) {
        if !field.limit.values.allow(field.value, Some(mesh)) {
            let path = request.found.path(field.place);
            report.add_with(&path, || (finding(field), fix(request, field, &advice)));
        }
    }
}

fn finding(field: &LimitedField<'_>) -> String {
    let value = text(field.value);
    let written = match field.place.name() {
        Some(name) if value == "true" => format!("{name}: true"),
        Some(name) if value.starts_with(['{', '[']) => name.to_owned(),
        Some(_) | None => value.into_owned(),
    };
    format!("{} {}", quote(&written), field.limit.effect)
}

fn fix(request: &Request<'_>, field: &LimitedField<'_>, advice: &impl Fn() -> String) -> String {
    match field.limit.values {
        Values::OtherThanMeshContainer => "name a container of your own.".to_owned(),
        _ if request.is_debugging() => {
            "remove it. With `kubectl debug`, write `--profile=baseline` or `--profile=restricted`.".to_owned()
        }
        Values::Only(allowed) => {
            let allowed: Vec<&str> = allowed.iter().copied().filter(|value| !value.is_empty()).collect();
            format!("remove it, or write {}.", quote_all(&allowed))
        }
        Values::CsiDriver => {
            "use a `persistentVolumeClaim`, or ask the platform to list the driver in the setting `allowedCsiDrivers`."
                .to_owned()
        }
        Values::Signer => {
            "remove it, or ask the platform to list the signer in the setting `allowedSigners`.".to_owned()
        }
        Values::ResourceClaim => {
            "remove it, or ask the platform to list the claim in the setting `allowedResourceClaims`.".to_owned()
        }
        Values::LoadBalancerClass => {
            "remove it, or ask the platform to list it in the setting `allowedLoadBalancerClasses`.".to_owned()
        }
        Values::ScrapeClass => {
            "remove it, or ask the platform to list it in the setting `allowedScrapeClasses`.".to_owned()
        }
        Values::RuntimeClass => {
            "remove it, or ask the platform to list it in the setting `allowedRuntimeClasses`.".to_owned()
        }
        Values::OtherThanClusterName => "choose a name outside the cluster's domain.".to_owned(),
        Values::NameServer => {
            "remove it, or ask the platform to list it in the setting `allowedNameservers`.".to_owned()
        }
        Values::None
        | Values::OtherThanProxyPort
        | Values::Empty
        | Values::False
        | Values::Zero
        | Values::OtherThanProxyUser
        | Values::OtherThanSystemPriority => advice(),
    }
}

/// Reports the labels and annotations whose row in the table of keys has the code of `report`.
///
/// Controllers write keys of their own on a pod, a Service or endpoints that exist. There only what changes is judged; of
/// pods only what people and the tenant's own accounts change.
pub(super) fn refuse_keys(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    let (kind, settings) = (request.kind, &request.snapshot.settings);
    let is_update = request.operation == Operation::Update;
    let is_update_of_pod = kind == Kind::Pod && is_update;
    if is_update_of_pod && request.is_by_component() {
        return;
    }
    let more = allowed_keys(report.code(), settings);
    let keeps_old = is_update_of_pod || (is_update && !kind.is_workload());
    let code = report.code();
    let judged = request.known_keys().iter().filter(|known| known.row.rule == Some(code));
    for KnownKey { row, map, key, value } in judged {
        let is_old = || {
            let old = request.old_metadata().and_then(|old| old.entries(*map).get(key));
            keeps_old && old.is_some_and(|(_, old)| old == *value)
        };
        let is_listed = more.is_some_and(|(_, allowed)| allowed.contains(*key));
        if !is_listed && !allows(request, row.values, value) && !is_old() {
            let fix = fix_of_key(more.map(|(setting, _)| setting), *map, row.values);
            report.add(&metadata.path(*map, key), format!("{} {}", quote(key), row.effect), fix);
        }
    }
}

fn allows(request: &Request<'_>, values: keys::Values, value: &str) -> bool {
    match values {
        keys::Values::OwnNamespaces => {
            value.split(',').all(|name| matches!(name, "." | "~") || request.owns(name))
        }
        values => is_allowed(values, value, &request.snapshot.settings),
    }
}

/// Returns the setting that allows more keys than the rule with this code, and the keys in it.
fn allowed_keys<'s>(code: &str, settings: &'s Settings) -> Option<(&'static str, &'s BTreeSet<String>)> {
    match code {
        "BH804" => Some(("allowedServiceKeys", &settings.allowed_service_keys)),
        "BH808" => Some(("allowedRouteKeys", &settings.allowed_route_keys)),
        _ => None,
    }
}

fn fix_of_key(setting: Option<&str>, map: Map, values: keys::Values) -> String {
    let item = map.item();
    match (values, setting) {
        (keys::Values::OwnNamespaces, _) => "write `.`, or namespaces of your own.".to_owned(),
        (_, Some(setting)) => {
            format!("remove this {item}, or ask the platform to list it in the setting `{setting}`.")
        }
        (_, None) => format!("remove this {item}."),
    }
}
