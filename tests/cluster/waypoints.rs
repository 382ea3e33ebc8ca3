//! Waypoints in a cluster of its own with an ambient mesh: those of shared services, which the controller creates, and those
//! of tenants. No pod runs here, so that the test writes the conditions that istiod would write.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_tenant, wait_for_default_account};
use support::conditions::condition;
use support::objects::{self, changed, labelled_namespace, object, pod, shared_service};
use support::refusal::refused;
use support::wait::{until, within};
use support::{BINARY, settings_with_dataplane};

const GATEWAY: &str = "gateways.gateway.networking.k8s.io";
const POLICY: &str = "authorizationpolicies.security.istio.io";
const FILTER: &str = "envoyfilters.networking.istio.io";
const HOME: &str = "shared-services";

fn ambient() -> MutexGuard<'static, Installation> {
    static AMBIENT: OnceLock<Mutex<Installation>> = OnceLock::new();
    let start = || {
        let mut it = Installation::start_without_istio(&BINARY).unwrap();
        it.change_settings(&settings_with_dataplane("Ambient")).unwrap();
        let captured = json!({ "istio.io/dataplane-mode": "ambient" });
        it.cluster.admin().unwrap().apply(&labelled_namespace(HOME, &captured).to_string()).unwrap();
        Mutex::new(it)
    };
    AMBIENT.get_or_init(start).lock().unwrap_or_else(PoisonError::into_inner)
}

/// A SharedService with an HTTP port behind port 80 of its Service, and a TCP port.
fn new_service(admin: &Kubectl, name: &str) {
    let spec = json!({
        "namespace": HOME, "selector": { "app": name },
        "ports": [{
            "port": 8080, "servicePort": 80, "protocol": "HTTP", "methods": ["POST"], "paths": ["/{tenant}/*"],
        }, { "port": 9092 }],
    });
    admin.apply(&shared_service(name, &spec).to_string()).unwrap();
}

fn waypoint(namespace: &str, name: &str, class: &str) -> Value {
    let listener = json!({ "name": "mesh", "port": 15008, "protocol": "HBONE" });
    let spec = json!({ "gatewayClassName": class, "listeners": [listener] });
    object("gateway.networking.k8s.io/v1", "Gateway", namespace, name, &spec)
}

fn service(namespace: &str, name: &str, waypoint: &str) -> Value {
    let ports = json!([{ "name": "http", "port": 80, "targetPort": 8080 }, { "name": "tcp", "port": 9092 }]);
    let service = object("v1", "Service", namespace, name, &json!({ "ports": ports }));
    changed(service, |service| service["metadata"]["labels"] = json!({ "istio.io/use-waypoint": waypoint }))
}

/// Writes a condition as istiod does.
fn set_condition(admin: &Kubectl, object: &[&str], of_type: &str, status: &str) {
    let condition = json!({
        "type": of_type, "status": status, "reason": "Tested", "message": "said by istiod",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let patch = json!({ "status": { "conditions": [condition] } }).to_string();
    let patch = ["--subresource=status", "--type=merge", "-p", &patch];
    admin.ok(&[&["patch"], object, &patch[..]].concat()).unwrap();
}

/// A field of an object in the namespace of shared services; `null` without the object.
fn field(admin: &Kubectl, kind: &str, name: &str, pointer: &str) -> Value {
    let shown = admin.run(&["get", kind, name, "-n", HOME, "-o", "json"]).unwrap();
    let object: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
    object.pointer(pointer).cloned().unwrap_or_default()
}

/// The names of the waypoint's objects that exist.
fn of_waypoint(admin: &Kubectl, service: &str) -> Vec<String> {
    let kinds = format!("{GATEWAY},{POLICY},{FILTER},networkpolicies");
    let all = admin.ok(&["get", &kinds, "-n", HOME, "-o", "name"]).unwrap();
    let name = format!("bulkhead-{service}");
    all.lines().filter(|line| line.contains(&name)).map(str::to_owned).collect()
}

#[test]
fn shared_service_in_an_ambient_mesh_has_a_waypoint_and_its_policies() {
    let it = ambient();
    let member = new_tenant(&it, "way-acme");
    let own = new_namespace(&member, "way-acme");
    let admin = it.cluster.admin().unwrap();
    new_service(&admin, "way-logs");
    let grant = r#"{"spec":{"grants":{"reach":{"sharedServices":["way-logs"]}}}}"#;
    admin.ok(&["patch", "tenant", "way-acme", "--type=merge", "-p", grant]).unwrap();
    let name = "bulkhead-way-logs-waypoint";
    let target = json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name }]);
    let tenant = json!([{ "source": { "principals": [format!("cluster.local/ns/{own}/sa/*")] } }]);
    let account = json!([{ "source": { "principals": [format!("cluster.local/ns/{HOME}/sa/{name}")] } }]);

    until(|| field(&admin, GATEWAY, name, "/spec/gatewayClassName") == "istio-waypoint");
    // The contract, at the waypoint: the ports are those of the Service.
    until(|| {
        field(&admin, POLICY, &format!("{name}-tenants"), "/spec")
            == json!({
                "action": "ALLOW", "targetRefs": target, "rules": [{ "from": tenant, "to": [
                    { "operation": { "ports": ["80"], "methods": ["POST"], "paths": ["/way-acme/*"] } },
                    { "operation": { "ports": ["9092"] } },
                ] }],
            })
    });
    // The pods: the waypoint alone on the HTTP port.
    until(|| {
        field(&admin, POLICY, "bulkhead-way-logs-tenants", "/spec/rules")
            == json!([
                { "from": account, "to": [{ "operation": { "ports": ["8080", "9092"] } }] },
                { "from": tenant, "to": [{ "operation": { "ports": ["9092"] } }] },
            ])
    });
    for (kind, policy) in
        [(POLICY, "bulkhead-way-logs-reserved-header"), (FILTER, "bulkhead-way-logs-identity-header")]
    {
        assert_eq!(field(&admin, kind, policy, "/spec/targetRefs"), target, "{policy}");
    }
    // Tenants' packets reach the waypoint, and the pods on the TCP port.
    let ports = |policy: &str, pointer: &str| -> Vec<Value> {
        let found = field(&admin, "networkpolicy", policy, pointer);
        found.as_array().into_iter().flatten().map(|port| port["port"].clone()).collect()
    };
    until(|| ports(name, "/spec/ingress/1/ports") == [15008]);
    until(|| ports("bulkhead-way-logs", "/spec/ingress/1/ports") == [9092, 15008]);
    let granted = ["networkpolicy", "allow-granted", "-n", &own];
    until(|| jsonpath(&admin, &granted, "{.spec.egress}").contains(name));

    // Nobody changes or deletes the waypoint and its policies. What istiod records in the Gateway is no drift.
    refused(&admin, &["delete", GATEWAY, name, "-n", HOME], "", &[("BH201", "metadata.name")]);
    let delete = ["delete", POLICY, &format!("{name}-tenants"), "-n", HOME];
    refused(&admin, &delete, "", &[("BH201", "metadata.name")]);
    let open = r#"{"spec":{"listeners":[{"name":"mesh","port":15008,"protocol":"HBONE","allowedRoutes":{"namespaces":{"from":"All"}}}]}}"#;
    let patch = ["patch", GATEWAY, name, "-n", HOME, "--type=merge", "-p", open];
    refused(&admin, &patch, "", &[("BH202", "spec.listeners")]);
    let version = r#"{"metadata":{"annotations":{"gateway.istio.io/controller-version":"5"}}}"#;
    let record = ["patch", GATEWAY, name, "-n", HOME, "--subresource=status", "--type=merge", "-p", version];
    admin.ok(&record).unwrap();
    let version = || field(&admin, GATEWAY, name, "/metadata/resourceVersion");
    let recorded = version();
    sleep(Duration::from_secs(3));
    assert_eq!(version(), recorded, "the controller does not write the Gateway again");

    // The status says what is missing.
    let reason = || condition(&admin, "sharedservice", "way-logs", "WaypointReady").reason;
    let gateway = [GATEWAY, name, "-n", HOME];
    until(|| reason() == "NotProgrammed");
    set_condition(&admin, &gateway, "Programmed", "True");
    until(|| reason() == "NotUsed");
    admin.apply(&service(HOME, "way-logs", name).to_string()).unwrap();
    let of_service = ["service", "way-logs", "-n", HOME];
    set_condition(&admin, &of_service, "istio.io/WaypointBound", "False");
    until(|| {
        let known = condition(&admin, "sharedservice", "way-logs", "WaypointReady");
        known.reason == "NotUsed" && known.names(&["said by istiod"])
    });
    set_condition(&admin, &of_service, "istio.io/WaypointBound", "True");
    until(|| reason() == "Ready");
    let moved = r#"[{"op":"replace","path":"/spec/ports/0/port","value":81}]"#;
    admin.ok(&["patch", "service", "way-logs", "-n", HOME, "--type=json", "-p", moved]).unwrap();
    until(|| reason() == "PortNotServed");
    set_condition(&admin, &gateway, "Programmed", "False");
    until(|| reason() == "NotProgrammed");
    admin.ok(&["label", "namespace", HOME, "istio.io/dataplane-mode-"]).unwrap();
    until(|| reason() == "NotCaptured");
    admin.ok(&["label", "namespace", HOME, "istio.io/dataplane-mode=ambient"]).unwrap();
    until(|| reason() == "NotProgrammed");
}

/// The pods of a deleted waypoint run for a while, and the service's pods accept their account.
#[test]
fn policies_of_a_waypoint_stay_until_its_pods_are_gone() {
    let it = ambient();
    let admin = it.cluster.admin().unwrap();
    new_service(&admin, "way-gone");
    let gateway = "gateway.gateway.networking.k8s.io/bulkhead-way-gone-waypoint".to_owned();
    until(|| of_waypoint(&admin, "way-gone").contains(&gateway));
    wait_for_default_account(&admin, HOME);
    let running = changed(pod(HOME), |pod| {
        pod["metadata"]["name"] = json!("way-gone-waypoint");
        pod["metadata"]["labels"] =
            json!({ "gateway.networking.k8s.io/gateway-name": "bulkhead-way-gone-waypoint" });
    });
    admin.apply(&running.to_string()).unwrap();
    let whole = of_waypoint(&admin, "way-gone");
    admin.ok(&["delete", "sharedservice", "way-gone"]).unwrap();
    until(|| !of_waypoint(&admin, "way-gone").contains(&gateway));
    sleep(Duration::from_secs(5));
    let at_waypoint = |name: &&String| {
        name.ends_with("-waypoint") || name.ends_with("-waypoint-tenants") || name.ends_with("-header")
    };
    let wanted: Vec<&String> = whole.iter().filter(|name| **name != gateway).filter(at_waypoint).collect();
    let left = of_waypoint(&admin, "way-gone");
    assert_eq!(left.iter().filter(at_waypoint).collect::<Vec<_>>(), wanted);
    assert_eq!(wanted.len(), 4, "{wanted:?}");
    admin.ok(&["delete", "pod", "way-gone-waypoint", "-n", HOME, "--now"]).unwrap();
    within(Duration::from_secs(90), || of_waypoint(&admin, "way-gone").is_empty());
}

#[test]
fn waypoint_without_a_policy_of_the_baseline_is_refused() {
    let it = ambient();
    let member = new_tenant(&it, "way-names");
    let own = new_namespace(&member, "way-names");
    let admin = it.cluster.admin().unwrap();
    let create = ["create", "-f", "-"];
    for class in ["istio-waypoint", "own"] {
        let other = waypoint(&own, "other", class).to_string();
        refused(&admin, &create, &other, &[("BH909", "metadata.name")]);
    }
    admin.apply(&waypoint(&own, "waypoint", "istio-waypoint").to_string()).unwrap();
    let policy = [POLICY, "bulkhead-deny-cross-tenant-waypoint", "-n", &own];
    assert!(!jsonpath(&admin, &policy, "{.spec.rules}").is_empty());

    // The status of the Tenant names it until istiod has programmed it.
    let known = || condition(&admin, "tenant", "way-names", "WaypointsReady");
    until(|| known().reason == "NotProgrammed" && known().names(&[&format!("`{own}/waypoint`")]));
    set_condition(&admin, &[GATEWAY, "waypoint", "-n", &own], "Programmed", "True");
    until(|| known().is("WaypointsReady=True", "Ready"));
    member.apply(&service(&own, "web", "waypoint").to_string()).unwrap();
    until(|| known().reason == "NotBound" && known().names(&[&format!("`{own}/web`")]));
    set_condition(&admin, &["service", "web", "-n", &own], "istio.io/WaypointBound", "True");
    until(|| known().is("WaypointsReady=True", "Ready"));
}

#[test]
fn tenant_selects_no_waypoint_of_others() {
    let it = ambient();
    let member = new_tenant(&it, "way-evil");
    let own = new_namespace(&member, "way-evil");
    let admin = it.cluster.admin().unwrap();
    new_service(&admin, "way-target");
    let create = ["create", "-f", "-"];
    let label = |object: Value, key: &str, value: &str| {
        changed(object, |object| object["metadata"]["labels"] = json!({ key: value })).to_string()
    };
    let web = || service(&own, "web", "waypoint");
    let entry = || {
        let hosts = json!([format!("web.{own}.svc.cluster.local")]);
        let spec = json!({ "hosts": hosts, "exportTo": ["."], "resolution": "STATIC" });
        object("networking.istio.io/v1", "ServiceEntry", &own, "web", &spec)
    };
    for (key, value) in [
        ("istio.io/use-waypoint", "bulkhead-way-target-waypoint"),
        ("istio.io/use-waypoint-namespace", HOME),
        ("istio.io/use-waypoint-canary", "waypoint"),
    ] {
        let path = format!("metadata.labels[{key}]");
        refused(&member, &create, &label(web(), key, value), &[("BH804", &path)]);
        refused(&member, &create, &label(entry(), key, value), &[("BH804", &path)]);
        let set = ["label", "namespace", &own, &format!("{key}={value}")];
        refused(&member, &set, "", &[("BH103", &path)]);
    }
    member.apply(&label(entry(), "istio.io/use-waypoint", "waypoint")).unwrap();
    // Nor does it write where the waypoint is, as that account or under its name.
    let account = objects::pod(HOME);
    let account =
        changed(account, |pod| pod["spec"]["serviceAccountName"] = json!("bulkhead-way-target-waypoint"));
    for theirs in [account, service(HOME, "way-target", "none"), waypoint(HOME, "mine", "istio-waypoint")] {
        assert!(!member.feed(&create, &theirs.to_string()).unwrap().success, "{theirs}");
    }
}

/// The controller does not watch Gateways in a mesh with sidecars.
#[test]
fn waypoint_is_deleted_by_the_platform_after_a_change_to_sidecars() {
    let mut it = ambient();
    let admin = it.cluster.admin().unwrap();
    new_service(&admin, "way-back");
    let name = "bulkhead-way-back-waypoint";
    until(|| field(&admin, GATEWAY, name, "/spec/gatewayClassName") == "istio-waypoint");
    it.change_settings(&settings_with_dataplane("Sidecar")).unwrap();
    // The policies have no pods of a waypoint here.
    within(Duration::from_secs(90), || {
        !of_waypoint(&admin, "way-back").iter().any(|name| name.ends_with("-waypoint-tenants"))
    });
    until(|| {
        field(&admin, FILTER, "bulkhead-way-back-identity-header", "/spec/workloadSelector").is_object()
    });
    admin.ok(&["delete", GATEWAY, name, "-n", HOME]).unwrap();
    until(|| condition(&admin, "sharedservice", "way-back", "WaypointReady").reason == "NotNeeded");
    it.change_settings(&settings_with_dataplane("Ambient")).unwrap();
    until(|| field(&admin, GATEWAY, name, "/spec/gatewayClassName") == "istio-waypoint");
}

#[test]
fn shared_service_with_the_name_of_a_waypoint_is_refused() {
    let it = ambient();
    let admin = it.cluster.admin().unwrap();
    let spec = json!({ "namespace": HOME, "selector": { "app": "a" }, "ports": [{ "port": 80 }] });
    let said =
        admin.feed(&["create", "-f", "-"], &shared_service("way-a-waypoint", &spec).to_string()).unwrap();
    assert!(!said.success && said.stderr.contains("must not end in `-waypoint`"), "{said:?}");
}
