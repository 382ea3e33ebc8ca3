//! Services and their endpoints: with each attack a tenant would get the traffic of others, or lead others to foreign
//! addresses. The API server accepts it in a namespace that is no tenant's.

use bulkhead::keys::{Map, Pattern, TABLE, Values};
use bulkhead::kinds::Kind;
use bulkhead::policy::proxy::metadata::is_allowed;
use bulkhead::settings::Settings;
use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::{Value, json};
use support::cluster::{alone, new_namespace, new_tenant, shared};
use support::metrics::{metrics, sum};
use support::objects::{self, object, with_entry};
use support::refusal::{Violation, denied_by, expect_admitted, expect_refused_by};
use support::wait::until;

const CREATE: [&str; 4] = ["create", "--dry-run=server", "-f", "-"];
const SERVICE_CONTROLLER: &str = "system:serviceaccount:kube-system:service-controller";

fn service(spec: &Value) -> Value {
    let mut service = object("v1", "Service", "", "web", spec);
    if spec["type"] != "ExternalName" {
        service["spec"]["ports"] = json!([{ "name": "https", "port": 443 }]);
    }
    service
}

fn external_name(name: &str) -> Value {
    service(&json!({ "type": "ExternalName", "externalName": name }))
}

/// A slice of a Service `web`, whose ports are `port`.
fn slice(address_type: &str, endpoint: &Value, port: u16) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": address_type,
        "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
        "endpoints": [endpoint], "ports": [{ "name": "https", "port": port, "protocol": "TCP" }],
    })
}

fn endpoints(list: &str, addresses: &Value, port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "web" },
        "subsets": [{ list: addresses, "ports": [{ "name": "https", "port": port }] }],
    })
}

fn managed_by(object: &Value, label: &str, manager: &str) -> Value {
    objects::changed(object.clone(), |object| object["metadata"]["labels"][label] = json!(manager))
}

/// Objects with the violations for which they are refused.
fn attacks() -> Vec<(Value, Vec<Violation<'static>>)> {
    let address = "endpoints[0].addresses[0]";
    let pod = json!({ "kind": "Pod", "namespace": "tenant-other", "name": "web" });
    let granted = slice("IPv4", &json!({ "addresses": ["203.0.113.7"] }), 5432);
    let granted_endpoints = endpoints("addresses", &json!([{ "ip": "203.0.113.7" }]), 5432);
    vec![
        (
            service(&json!({ "externalIPs": ["203.0.113.7", "10.0.0.10"] })),
            vec![("BH801", "spec.externalIPs[0]"), ("BH801", "spec.externalIPs[1]")],
        ),
        (
            service(&json!({ "type": "LoadBalancer", "loadBalancerIP": "203.0.113.7" })),
            vec![("BH801", "spec.loadBalancerIP")],
        ),
        (
            service(&json!({ "type": "LoadBalancer", "loadBalancerClass": "example.com/public" })),
            vec![("BH805", "spec.loadBalancerClass")],
        ),
        (external_name("web.tenant-other.svc.cluster.local"), vec![("BH802", "spec.externalName")]),
        (external_name("kubernetes.default.svc.cluster.local."), vec![("BH802", "spec.externalName")]),
        (external_name("web.tenant-services.svc.example.com"), vec![("BH802", "spec.externalName")]),
        (external_name("metadata.google.internal"), vec![("BH802", "spec.externalName")]),
        (external_name("169.254.169.254"), vec![("BH802", "spec.externalName")]),
        (external_name("localhost"), vec![("BH802", "spec.externalName")]),
        // A pod, a node, the API server, and a foreign IPv6 address.
        (slice("IPv4", &json!({ "addresses": ["10.244.1.7"] }), 5432), vec![("BH803", address)]),
        (slice("IPv4", &json!({ "addresses": ["192.168.0.2"] }), 10250), vec![("BH803", address)]),
        (slice("IPv4", &json!({ "addresses": ["192.0.2.10"] }), 6443), vec![("BH803", address)]),
        (slice("IPv6", &json!({ "addresses": ["2001:db8::7"] }), 5432), vec![("BH803", address)]),
        // Another port than the granted one.
        (slice("IPv4", &json!({ "addresses": ["203.0.113.7"] }), 22), vec![("BH803", address)]),
        (
            slice("FQDN", &json!({ "addresses": ["web.tenant-other.svc.cluster.local"] }), 5432),
            vec![("BH803", address), ("BH803", "addressType")],
        ),
        (
            slice("IPv4", &json!({ "addresses": ["203.0.113.7"], "targetRef": pod }), 5432),
            vec![("BH803", "endpoints[0].targetRef")],
        ),
        (
            managed_by(&granted, "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
            vec![("BH803", "metadata.labels[endpointslice.kubernetes.io/managed-by]")],
        ),
        (
            managed_by(&granted_endpoints, "endpoints.kubernetes.io/managed-by", "endpoint-controller"),
            vec![("BH803", "metadata.labels[endpoints.kubernetes.io/managed-by]")],
        ),
        (
            endpoints("addresses", &json!([{ "ip": "10.244.1.7", "targetRef": pod }]), 5432),
            vec![("BH803", "subsets[0].addresses[0].ip"), ("BH803", "subsets[0].addresses[0].targetRef")],
        ),
        (
            endpoints("notReadyAddresses", &json!([{ "ip": "192.0.2.10" }]), 6443),
            vec![("BH803", "subsets[0].notReadyAddresses[0].ip")],
        ),
    ]
}

/// Objects like the attacks that a tenant with a grant may write.
fn twins() -> Vec<Value> {
    let granted = json!({ "addresses": ["203.0.113.7", "203.0.113.8"], "conditions": { "ready": true } });
    vec![
        service(&json!({ "selector": { "app": "web" }, "sessionAffinity": "ClientIP" })),
        service(
            &json!({ "clusterIP": "None", "publishNotReadyAddresses": true, "selector": { "app": "web" } }),
        ),
        service(&json!({ "clusterIP": "None" })),
        service(&json!({ "ipFamilyPolicy": "PreferDualStack", "trafficDistribution": "PreferClose" })),
        external_name("web.tenant-services.svc.cluster.local"),
        external_name("db.example.net"),
        slice("IPv4", &granted, 5432),
        managed_by(&slice("IPv4", &granted, 5432), "endpointslice.kubernetes.io/managed-by", "staff"),
        endpoints("addresses", &json!([{ "ip": "203.0.113.7" }]), 5432),
        // A leader election of older programs.
        with_entry(
            json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "leader" } }),
            "annotations",
            "control-plane.alpha.kubernetes.io/leader",
            "{}",
        ),
    ]
}

fn create(kubectl: &Kubectl, namespace: &str, object: &Value) -> Said {
    let object =
        objects::changed(object.clone(), |object| object["metadata"]["namespace"] = json!(namespace));
    kubectl.feed(&CREATE, &object.to_string()).unwrap()
}

#[test]
fn service_and_endpoints_that_lead_to_others_are_refused() {
    let it = shared();
    let member = new_tenant(&it, "services");
    let inside = new_namespace(&member, "services");
    let admin = it.cluster.admin().unwrap();
    let outside = "services-free";
    admin.ok(&["create", "namespace", outside]).unwrap();
    let grants = json!({ "spec": { "grants": { "reach": {
        "hosts": ["db.example.net"], "cidrs": [{ "cidr": "203.0.113.0/24", "ports": [5432] }],
    } } } });
    let missing = create(&member, &inside, &external_name("db.example.net"));
    expect_refused_by("services", &missing, &[("BH802", "spec.externalName")]);
    admin.ok(&["patch", "tenant", "services", "--type=merge", "-p", &grants.to_string()]).unwrap();
    // A quota stands between a load balancer and the rules.
    let quota =
        json!({ "spec": { "namespaceQuota": { "services.loadbalancers": "5", "services.nodeports": "5" } } });
    admin.ok(&["patch", "tenant", "services", "--type=merge", "-p", &quota.to_string()]).unwrap();
    let twins = twins();
    until(|| twins.iter().all(|twin| create(&member, &inside, twin).success));

    for twin in &twins {
        expect_admitted(&create(&member, &inside, twin));
    }
    for (attack, violations) in attacks() {
        expect_admitted(&create(&admin, outside, &attack));
        expect_refused_by("services", &create(&member, &inside, &attack), &violations);
    }
}

/// A deployment tool that may do everything, and the platform, are refused too: they apply what tenants write.
#[test]
fn service_that_takes_an_address_is_refused_to_deployers_and_on_update() {
    let it = shared();
    let member = new_tenant(&it, "deployed");
    let namespace = new_namespace(&member, "deployed");
    let admin = it.cluster.admin().unwrap();
    let deployer = it.cluster.powerful("system:serviceaccount:argocd:deployer", "argocd").unwrap();
    let taking = service(&json!({ "externalIPs": ["203.0.113.7"] }));
    for user in [&admin, &deployer] {
        expect_refused_by(
            "services",
            &create(user, &namespace, &taking),
            &[("BH801", "spec.externalIPs[0]")],
        );
    }
    let own = service(&json!({ "selector": { "app": "web" } }));
    let own = objects::changed(own, |own| own["metadata"]["namespace"] = json!(namespace));
    member.apply(&own.to_string()).unwrap();
    let patch = |patch: &Value| {
        let patch = patch.to_string();
        member.run(&["patch", "service", "web", "-n", &namespace, "--type=merge", "-p", &patch]).unwrap()
    };
    for (change, violation) in [
        (json!({ "spec": { "externalIPs": ["203.0.113.7"] } }), ("BH801", "spec.externalIPs[0]")),
        (
            json!({ "spec": { "type": "ExternalName", "externalName": "localhost", "clusterIP": null, "clusterIPs": null } }),
            ("BH802", "spec.externalName"),
        ),
        (
            json!({ "metadata": { "labels": { "topology.istio.io/network": "other" } } }),
            ("BH804", "metadata.labels[topology.istio.io/network]"),
        ),
        (
            json!({ "metadata": { "annotations": { "networking.istio.io/exportTo": ".,tenant-other" } } }),
            ("BH804", "metadata.annotations[networking.istio.io/exportTo]"),
        ),
    ] {
        expect_refused_by("services", &patch(&change), &[violation]);
    }
    let shared = json!({ "metadata": { "annotations": { "networking.istio.io/exportTo": format!(".,{namespace}") } } });
    for change in [shared, json!({ "spec": { "selector": { "app": "other" } } })] {
        expect_admitted(&patch(&change));
    }
}

/// Each row about Services, with a value that it does not allow.
#[test]
fn each_key_of_a_service_is_refused_and_the_free_ones_are_admitted() {
    let it = shared();
    let member = new_tenant(&it, "service-keys");
    let namespace = new_namespace(&member, "service-keys");
    let (mut refused, mut free) = (0, 0);
    for row in TABLE
        .into_iter()
        .flatten()
        .filter(|row| row.objects.contain(Kind::Service) && !row.objects.contain(Kind::Pod))
    {
        let key = match row.pattern {
            Pattern::Key(key) => key.to_owned(),
            Pattern::Domain(domain) => format!("x.{domain}/a-new-key"),
        };
        for map in row.maps {
            let object = |value: &str| {
                let service = service(&json!({ "selector": { "app": "web" } }));
                with_entry(service, map.field(), &key, value)
            };
            let refusal = |value: &str| {
                let path = format!("metadata.{}[{key}]", map.field());
                let said = create(&member, &namespace, &object(value));
                expect_refused_by("services", &said, &[("BH804", &path)]);
            };
            if row.values == Values::Any {
                expect_admitted(&create(&member, &namespace, &object("true")));
                free += 1;
                continue;
            }
            let candidates = ["tenant-other", "true"];
            let is_refused = |value: &&&str| !is_allowed(row.values, value, &Settings::default());
            refusal(candidates.iter().find(is_refused).unwrap());
            refused += 1;
        }
    }
    assert!(refused > 50 && free > 15, "{refused} refused, {free} free");
    let nothing_else =
        create(&member, &namespace, &with_entry(service(&json!({})), "annotations", "example.com/a", "b"));
    expect_admitted(&nothing_else);
    assert_eq!(Map::ALL.len(), 2);
}

/// The quota of the baseline, and the addresses that controllers write.
#[test]
fn load_balancer_needs_a_quota_and_its_status_is_not_the_tenants() {
    let it = shared();
    let member = new_tenant(&it, "balanced");
    let namespace = new_namespace(&member, "balanced");
    let admin = it.cluster.admin().unwrap();
    let balancer = service(&json!({ "type": "LoadBalancer", "selector": { "app": "web" } }));
    let node_port = service(&json!({ "type": "NodePort", "selector": { "app": "web" } }));
    for object in [&balancer, &node_port] {
        // Until the quota is counted, the API server refuses with another reason.
        until(|| create(&member, &namespace, object).stderr.contains("exceeded quota: tenant-quota"));
    }
    let quota =
        json!({ "spec": { "namespaceQuota": { "services.loadbalancers": "1", "services.nodeports": "1" } } });
    admin.ok(&["patch", "tenant", "balanced", "--type=merge", "-p", &quota.to_string()]).unwrap();
    until(|| [&balancer, &node_port].iter().all(|object| create(&member, &namespace, object).success));
    let stored = objects::changed(balancer, |service| service["metadata"]["namespace"] = json!(namespace));
    member.apply(&stored.to_string()).unwrap();

    let status = |address: &str| {
        json!({ "status": { "loadBalancer": { "ingress": [{ "ip": address }] } } }).to_string()
    };
    let patch = |kubectl: &Kubectl, patch: &str| {
        let arguments = [
            "patch",
            "service",
            "web",
            "-n",
            &namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            patch,
        ];
        kubectl.run(&arguments).unwrap()
    };
    expect_refused_by(
        "services",
        &patch(&member, &status("203.0.113.7")),
        &[("BH904", "status.loadBalancer")],
    );
    let controller = it.cluster.powerful(SERVICE_CONTROLLER, "service-controllers").unwrap();
    expect_admitted(&patch(&controller, &status("203.0.113.7")));
    expect_refused_by(
        "services",
        &patch(&member, &status("203.0.113.8")),
        &[("BH904", "status.loadBalancer")],
    );
    expect_admitted(&patch(&member, r#"{"status":{"conditions":[]}}"#));
    expect_admitted(&patch(&admin, &status("203.0.113.9")));
    let moved = member.run(&[
        "patch",
        "service",
        "web",
        "-n",
        &namespace,
        "-p",
        r#"{"spec":{"selector":{"app":"b"}}}"#,
    ]);
    expect_admitted(&moved.unwrap());
}

/// Kubernetes' controllers write endpoints for every change of a pod. The API server does not send writes of their accounts.
#[test]
fn endpoints_of_controllers_are_not_sent() {
    let it = alone();
    let member = new_tenant(&it, "endpoints");
    let namespace = new_namespace(&member, "endpoints");
    let sent = || -> u64 {
        let replicas = it.replicas.iter().map(|replica| metrics(replica.admin));
        replicas.map(|metrics| sum(&metrics, "bulkhead_admission_requests_total{webhook=\"services\",")).sum()
    };
    let before = sent();
    let selecting = service(&json!({ "clusterIP": "None", "selector": { "app": "web" } }));
    let selecting =
        objects::changed(selecting, |service| service["metadata"]["namespace"] = json!(namespace));
    member.apply(&selecting.to_string()).unwrap();
    assert_eq!(sent() - before, 1, "the Service itself");

    for (account, written) in [
        ("endpointslice-controller", slice("IPv4", &json!({ "addresses": ["10.244.1.7"] }), 443)),
        ("endpoint-controller", endpoints("addresses", &json!([{ "ip": "10.244.1.7" }]), 443)),
    ] {
        let controller = format!("system:serviceaccount:kube-system:{account}");
        let controller = it.cluster.powerful(&controller, account).unwrap();
        for address in ["10.244.1.7", "10.244.1.8", "10.244.1.9"] {
            let written = written.to_string().replace("10.244.1.7", address);
            let written: Value = serde_json::from_str(&written).unwrap();
            let written =
                objects::changed(written, |object| object["metadata"]["namespace"] = json!(namespace));
            controller.apply(&written.to_string()).unwrap();
        }
    }
    assert_eq!(sent() - before, 1, "no endpoints");

    let own = slice("IPv4", &json!({ "addresses": ["10.244.1.7"] }), 443);
    expect_refused_by(
        "services",
        &create(&member, &namespace, &own),
        &[("BH803", "endpoints[0].addresses[0]")],
    );
    assert_eq!(sent() - before, 2, "a write of the tenant");
}

/// The API server asks about the call before it looks for the pods of the Service.
#[test]
fn call_through_the_api_server_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "proxied");
    let namespace = new_namespace(&member, "proxied");
    let path = format!("/api/v1/namespaces/{namespace}/services/web:https/proxy/metrics");
    let call = |kubectl: &Kubectl| kubectl.run(&["get", "--raw", &path]).unwrap();
    expect_refused_by("services", &call(&member), &[("BH314", "path")]);
    let said = call(&it.cluster.admin().unwrap());
    assert!(!said.success && denied_by(&said.stderr).is_empty(), "{said:?}");
}
