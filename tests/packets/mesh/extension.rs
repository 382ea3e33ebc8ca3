//! Only the platform may write proxy extensions, because with one a call that the baseline forbids arrives.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::objects::object;
use support::refusal::refused;
use support::wait::until;

use super::objects::ACME;
use super::rows::{Ending, Protocol, ROWS, Row, Way, Who};
use super::stage::Stage;

pub(super) fn opens_what_is_closed(stage: &Stage<'_>, platform: &Kubectl, tenant: &Kubectl) {
    let is_it =
        |row: &&Row| (row.who, row.protocol, row.way) == (Who::AnotherTenant, Protocol::Tcp, Way::Around);
    let row = ROWS.iter().find(is_it).unwrap();
    let until_it = |ending: Ending| until(|| stage.ending(row) == ending);
    until_it(Ending::Refused);
    let filter = unguarded().to_string();
    refused(tenant, &["apply", "-f", "-"], &filter, &[("BH907", "kind")]);
    until_it(Ending::Refused);
    platform.apply(&filter).unwrap();
    until_it(Ending::Arrives);
    tenant.ok(&["delete", "envoyfilters.networking.istio.io", "unguarded", "-n", ACME]).unwrap();
    until_it(Ending::Refused);
}

/// Removes from the tenant's proxies the filter that refuses connections.
fn unguarded() -> Value {
    let spec = json!({ "configPatches": [{
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": { "filterChain": { "filter": { "name": "envoy.filters.network.rbac" } } },
        },
        "patch": { "operation": "REMOVE" },
    }] });
    object("networking.istio.io/v1alpha3", "EnvoyFilter", ACME, "unguarded", &spec)
}
