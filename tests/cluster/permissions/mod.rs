//! The permissions of the two service accounts, compared with the requests of an installation from its start to its end: RBAC
//! allows each request, and each permission is used.

mod installation;
mod life;
mod permission;
mod requests;

use std::time::{Duration, Instant};

use bulkhead_harness::program::NAMESPACE;

use installation::Installation;
use permission::{Permission, granted};
use requests::{refused, uses};

/// The time for the work that Bulkhead does by itself, such as the rotation of the CA.
const LIMIT: Duration = Duration::from_mins(1);

/// The permissions that no request has used.
fn unused<'p>(permissions: &'p [Permission], installation: &Installation) -> Vec<&'p Permission> {
    let used: Vec<Permission> = installation.requests().iter().flat_map(uses).collect();
    permissions.iter().filter(|granted| !used.iter().any(|used| granted.covers(used))).collect()
}

#[test]
fn every_request_is_allowed_and_every_permission_is_used() {
    let installation = Installation::start();
    life::live(&installation);

    let permissions = granted();
    let end = Instant::now() + LIMIT;
    while !unused(&permissions, &installation).is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_secs(1));
    }
    let unused_ones = unused(&permissions, &installation);
    let names: Vec<String> = unused_ones.iter().map(ToString::to_string).collect();
    assert!(names.is_empty(), "no request has used {names:#?}");
    assert_eq!(refused(&installation.requests()), [""; 0]);

    // The comparison finds a permission that no request uses, and a request that RBAC refuses.
    let superfluous = permissions[0].with_verb("deletecollection");
    assert_eq!(unused(std::slice::from_ref(&superfluous), &installation), [&superfluous]);
    let webhook = installation.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
    let read = ["get", "secret", "bulkhead-webhook-ca", "-n", NAMESPACE];
    assert!(!webhook.run(&read).unwrap().success);
    let expected = "bulkhead: get secrets bulkhead-webhook-ca in bulkhead-system";
    assert_eq!(refused(&installation.requests()), [expected]);
}

/// Two rules of one role that give the same permission hide that one of them is not needed.
#[test]
fn no_permission_is_given_twice() {
    let mut permissions = granted();
    permissions.sort();
    let twice: Vec<String> = permissions
        .windows(2)
        .filter(|pair| pair[0].namespace == pair[1].namespace && pair[0].covers(&pair[1]))
        .map(|pair| pair[1].to_string())
        .collect();
    assert_eq!(twice, [""; 0]);
}
