//! Only its own hosts may be in a tenant's route, because a shared service that calls two tenants uses the routes of both:
//! one for a host of each would lead its calls of one to the other.

use bulkhead_harness::kubectl::Kubectl;
use support::refusal::refused;
use support::wait::until;

use super::objects::{BETA, route_shared};
use super::rows::{Ending, Protocol, ROWS, Row, Way, Who};
use super::stage::Stage;

pub(super) fn needs_a_route_for_hosts_of_others(stage: &Stage<'_>, writer: &Kubectl, tenant: &Kubectl) {
    let is_it = |row: &&Row| (row.who, row.protocol, row.way) == (Who::Auditor, Protocol::Http, Way::Usual);
    let row = ROWS.iter().find(is_it).unwrap();
    let until_it = |ending: Ending| until(|| stage.ending(row) == ending);
    until_it(Ending::Arrives);
    let route = route_shared().to_string();
    refused(tenant, &["create", "-f", "-"], &route, &[("BH601", "spec.hosts[1]")]);
    writer.apply(&route).unwrap();
    until_it(Ending::LedAway);
    tenant.ok(&["delete", "virtualservice", "shared", "-n", BETA]).unwrap();
    until_it(Ending::Arrives);
}
