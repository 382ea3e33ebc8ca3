//! The deletion of waypoints while calls are made: that of a shared service and that of a tenant. In front of the pods a double
//! of ztunnel judges, and at the waypoints a real Envoy, which runs on while its Gateway and its pod are deleted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::wait::{until, within};

use crate::asks::{Ask, Asker, Heard};
use crate::calls::{Ending, Protocol, Row, Way, Who, row};

use super::PROXIES;
use super::objects::SHARED;
use super::rows::{ASKS, CALLS, SERVED, THROUGH_WAYPOINT, To};
use super::stage::Stage;

/// The policy of the shared service at its pods.
const AT_PODS: &str = "bulkhead-log-collector-tenants";

#[test]
fn deleting_the_waypoint_under_load_lets_no_unfiltered_request_through() {
    let Some(mut stage) = super::stage() else { return };
    let load = Load::default();
    let told = {
        let (stage, load): (&Stage, &Load) = (&stage, &load);
        thread::scope(|scope| {
            let end = End(&load.ends);
            let running = [(); 2].map(|()| scope.spawn(move || load.run(stage)));
            load.wait_for_rounds();
            let told = load.told.load(Ordering::Relaxed);
            // Nothing repairs them.
            stage.delete_waypoints();
            load.wait_for_rounds();
            stage.remove_waypoint_pods();
            load.wait_for_rounds();
            drop(end);
            for thread in running {
                thread.join().unwrap();
            }
            told
        })
    };
    stage.restart_waypoints();

    assert_eq!(load.into_unfiltered(), BTreeSet::new());
    // The waypoints served the load before.
    assert!(told > 0);
    until(|| ASKS.iter().filter(|ask| is_served(ask)).all(|ask| stage.heard(ask) == Heard::Told));
    let neighbour =
        row(Who::Neighbour, Protocol::Http, Way::Usual, [Ending::Arrives, Ending::Arrives, Ending::Arrives]);
    until(|| stage.through_waypoint(&neighbour) == Ending::Arrives);

    // The load would have found a hole: without the policy at the pods they serve every caller, past the waypoint.
    let policies = stage.list("authorizationpolicies.security.istio.io");
    let is_at_pods =
        |policy: &Value| policy["metadata"]["namespace"] == SHARED && policy["metadata"]["name"] == AT_PODS;
    stage.without(policies.into_iter().filter(is_at_pods).collect(), || {
        until(|| {
            let load = Load::default();
            load.make_round(&stage);
            !load.into_unfiltered().is_empty()
        });
    });
    let past = SERVED.iter().find(|call| call.to == To::ServedHttp && matches!(call.asker, Asker::Granted));
    until(|| past.is_some_and(|past| stage.served(past) == Ending::Refused));
}

/// True if the contract of the shared service admits the request.
fn is_served(ask: &Ask) -> bool {
    ask.heard[PROXIES] == Heard::Told
}

/// Calls that are made again and again: all that the tables list as refused, and the requests that arrive with the identity
/// of their caller.
#[derive(Default)]
struct Load {
    ends: AtomicBool,
    rounds: AtomicUsize,
    /// The number of requests that arrived with an identity.
    told: AtomicUsize,
    /// The calls that arrived and must not.
    unfiltered: Mutex<BTreeSet<String>>,
}

/// Ends the load, also if the test fails.
struct End<'l>(&'l AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load {
    fn into_unfiltered(self) -> BTreeSet<String> {
        self.unfiltered.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, stage: &Stage) {
        while !self.ends.load(Ordering::Relaxed) {
            self.make_round(stage);
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until calls that began later have ended, in each thread.
    fn wait_for_rounds(&self) {
        let end = self.rounds.load(Ordering::Relaxed) + 4;
        within(Duration::from_mins(2), || self.rounds.load(Ordering::Relaxed) >= end);
    }

    fn make_round(&self, stage: &Stage) {
        let is_refused = |row: &&Row| row.though.is_none() && row.endings[PROXIES] == Ending::Refused;
        let found = |is_unfiltered: bool, call: String| {
            if is_unfiltered {
                self.unfiltered.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
            }
        };
        let call = |row: &Row, way: &str, ending: &Ending| {
            found(*ending == Ending::Arrives, format!("{way}: {row:?}"));
        };
        let (found, call) = (&found, &call);
        // At once, as far as the machine can.
        thread::scope(|scope| {
            // The proxies of the platform would keep tunnels open, which other tests would find.
            let by_proxy =
                |row: &&Row| matches!(row.who, Who::Gateway | Who::GrantedGateway | Who::GrantedCaller);
            for row in CALLS.iter().filter(is_refused).filter(|row| !by_proxy(row)) {
                scope.spawn(move || call(row, "past the waypoint", &stage.direct(row)));
            }
            for row in THROUGH_WAYPOINT.iter().filter(is_refused) {
                scope.spawn(move || call(row, "through the waypoint", &stage.through_waypoint(row)));
            }
            for (index, served) in SERVED.iter().enumerate() {
                if served.endings[PROXIES] == Ending::Refused {
                    let arrives = || stage.served(served) == Ending::Arrives;
                    scope.spawn(move || found(arrives(), format!("shared service, call {index}")));
                }
            }
            for ask in ASKS {
                scope.spawn(move || {
                    let heard = stage.heard(ask);
                    let is_told = heard == Heard::Told;
                    self.told.fetch_add(usize::from(is_told), Ordering::Relaxed);
                    let has_arrived =
                        is_told || matches!(heard, Heard::Untold | Heard::Forged | Heard::Another);
                    found(has_arrived && !(is_told && is_served(ask)), format!("{}: {heard:?}", ask.line));
                });
            }
        });
    }
}
