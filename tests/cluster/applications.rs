//! Ordinary applications: nothing about them is refused, neither as an owner applies them, with the rights that Bulkhead
//! gives, nor as the controllers make pods of them and the injector adds the proxy.

use serde_json::json;
use support::applications::{applications, run, template};
use support::cluster::{jsonpath, new_namespace, new_owner, shared};
use support::refusal::expect_admitted;
use support::wait::until;

#[test]
fn applications_run_with_native_sidecars() {
    let it = shared();
    let member = new_owner(&it, "applications");
    let namespace = new_namespace(&member, "applications");
    run(&member, &namespace, &applications(&namespace));
    member.ok(&["create", "job", "now", "--from=cronjob/nightly", "-n", &namespace]).unwrap();
    let of_job = ["pods", "-n", &namespace, "-l", "job-name=now"];
    until(|| !jsonpath(&member, &of_job, "{.items[*].metadata.name}").is_empty());
    for kind in ["deployment", "statefulset", "daemonset"] {
        expect_admitted(&member.run(&["rollout", "restart", kind, "-n", &namespace]).unwrap());
    }
}

/// A classic sidecar starts after the init containers, so applications with some need a native one (BH316).
#[test]
fn applications_without_init_containers_run_with_classic_sidecars() {
    let it = shared();
    let member = new_owner(&it, "classics");
    let namespace = new_namespace(&member, "classics");
    let mut objects = applications(&namespace);
    objects.retain(|object| object["kind"] != "Pod");
    objects.retain_mut(|object| {
        template(object).is_none_or(|template| {
            template["metadata"]["annotations"]["sidecar.istio.io/nativeSidecar"] = json!("false");
            template["spec"].get("initContainers").is_none()
        })
    });
    run(&member, &namespace, &objects);
    let proxies = jsonpath(&member, &["pods", "-n", &namespace], "{.items[*].spec.containers[*].name}");
    assert!(proxies.matches("istio-proxy").count() > 5, "{proxies}");
}
