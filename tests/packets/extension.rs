//! Why what rewrites proxies is the platform's to write: with it, what the baseline forbids arrives.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use super::objects::ACME;
use super::rows::{Ending, Protocol, ROWS, Row, Way, Who};
use super::stage::Stage;
use crate::cluster::until;

pub(super) fn opens_what_is_closed(stage: &Stage<'_>, platform: &Kubectl, tenant: &Kubectl) {
    let is_it =
        |row: &&Row| (row.who, row.protocol, row.way) == (Who::AnotherTenant, Protocol::Tcp, Way::Around);
    let row = ROWS.iter().find(is_it).unwrap();
    let until_it = |ending: Ending| until(|| stage.ending(row) == ending);
    until_it(Ending::Refused);
    let filter = unguarded().to_string();
    let said = tenant.feed(&["apply", "-f", "-"], &filter).unwrap();
    assert!(said.stderr.contains("BH907"), "{said:?}");
    until_it(Ending::Refused);
    platform.apply(&filter).unwrap();
    until_it(Ending::Arrives);
    tenant.ok(&["delete", "envoyfilters.networking.istio.io", "unguarded", "-n", ACME]).unwrap();
    until_it(Ending::Refused);
}

/// Takes out of the tenant's proxies what refuses connections.
fn unguarded() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": { "name": "unguarded", "namespace": ACME },
        "spec": { "configPatches": [{
            "applyTo": "NETWORK_FILTER",
            "match": {
                "context": "SIDECAR_INBOUND",
                "listener": { "filterChain": { "filter": { "name": "envoy.filters.network.rbac" } } },
            },
            "patch": { "operation": "REMOVE" },
        }] },
    })
}
