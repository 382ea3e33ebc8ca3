//! The real Envoy as a tenant's waypoint: the copy of the baseline's policy there, attempts to use the waypoint as an open
//! proxy, and grants by port.

use bulkhead_harness::dataplane::Answer;

use crate::calls::{Ending, Protocol, Row, Way, Who, row};

use support::wait::until;

use super::objects::{self, ACME, BETA};

const COPY: &str = "bulkhead-deny-cross-tenant-waypoint";

#[test]
fn waypoint_without_its_copy_lets_other_tenants_in() {
    let Some(stage) = super::stage() else { return };
    let another = through(Who::AnotherTenant);
    until(|| stage.through_waypoint(&another) == Ending::Refused);
    let policies = stage.list("authorizationpolicies.security.istio.io");
    let copy: Vec<_> = policies.into_iter().filter(is_copy).collect();
    assert_eq!(copy.len(), 1);
    stage.without(copy, || {
        until(|| stage.through_waypoint(&another) == Ending::Arrives);
        // The policy at the pod remains. It judges the waypoint, which is the tenant's own.
        assert_eq!(stage.direct(&another), Ending::Refused);
    });
    until(|| stage.through_waypoint(&another) == Ending::Refused);
    assert_eq!(stage.through_waypoint(&through(Who::Neighbour)), Ending::Arrives);
}

fn is_copy(policy: &serde_json::Value) -> bool {
    policy["metadata"]["namespace"] == ACME && policy["metadata"]["name"] == COPY
}

const fn through(who: Who) -> Row {
    row(who, Protocol::Http, Way::Usual, [Ending::Arrives, Ending::Refused, Ending::Dropped])
}

#[test]
fn waypoint_is_no_open_proxy() {
    let Some(stage) = super::stage() else { return };
    until(|| stage.through_waypoint(&through(Who::Neighbour)) == Ending::Arrives);
    let [web, another] = ["web", "another"].map(|name| stage.pod(name).address);
    let targets = [
        format!("{}:80", stage.service(BETA, "another")),
        format!("{another}:8080"),
        format!("{another}:15008"),
        format!("{web}:8080"),
        format!("{}:81", stage.service(ACME, "web")),
        "127.0.0.1:15000".to_owned(),
        "127.0.0.1:15021".to_owned(),
        format!("{}:15000", stage.waypoint.address),
    ];
    for target in &targets {
        for from in ["neighbour", "another"] {
            let answer = stage.connect(from, target);
            assert!(!is_served(&answer), "{from} reaches {target}: {answer:?}");
        }
    }
}

/// False if the connection is closed, or the waypoint answers itself.
fn is_served(answer: &Answer) -> bool {
    matches!(answer, Answer::Said(said) if !said.starts_with("503") && !said.starts_with("403"))
}

#[test]
fn service_port_at_a_waypoint_widens_a_grant() {
    let Some(stage) = super::stage() else { return };
    let service = objects::service(ACME, "wide", "web", 9090);
    stage.admin.apply(&service.to_string()).unwrap();
    stage.wait_for_service("wide");
    let scraper = Row { protocol: Protocol::Http, ..through(Who::GrantedCaller) };
    // The caller is granted port 9090. The pod's port is 8080.
    assert_eq!(stage.direct(&scraper), Ending::Refused);
    assert_eq!(stage.through_waypoint(&scraper), Ending::Refused);
    until(|| stage.by_service(Who::GrantedCaller, "wide", 9090) == Ending::Arrives);
    for who in [Who::AnotherTenant, Who::SharedService] {
        assert_eq!(stage.by_service(who, "wide", 9090), Ending::Refused, "{who:?}");
    }
    stage.admin.ok(&["delete", "service", "wide", "-n", ACME]).unwrap();
}
