//! Privileges of pods with which a program can leave the mesh or reach the node, through the real API server and the
//! real injector. Each is admitted without Bulkhead, and refused in a tenant's namespace, in pods and in templates. The
//! API server's own level `baseline` of the Pod Security Standards refuses the same, as far as it goes.

mod attacks;

use std::collections::BTreeSet;

use bulkhead::kinds::Kind;
use bulkhead::policy::fields::{Treatment, rows, table};
use bulkhead::settings::VOLUME_BINDER;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::api::{call, client, request};
use support::cluster::{new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects;
use support::refusal::{denied_by, expect_admitted, expect_refused, expect_refused_by, violations};
use support::wait::until;
use tokio::runtime::Runtime;

use attacks::{chosen_volumes, claim, places, privileges};

#[test]
fn privileges_are_refused_and_the_level_baseline_refuses_no_more() {
    let it = shared();
    let member = new_tenant(&it, "privileged");
    let inside = new_namespace(&member, "privileged");
    let admin = it.cluster.admin().unwrap();
    let (level, free) = ("at-level-baseline", "all-privileges");
    for (namespace, label) in
        [(level, "pod-security.kubernetes.io/enforce=baseline"), (free, "istio-injection=enabled")]
    {
        admin.ok(&["create", "namespace", namespace]).unwrap();
        admin.ok(&["label", "namespace", namespace, label]).unwrap();
        wait_for_default_account(&admin, namespace);
    }
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(client(&admin));
    let create = |namespace: &str, resource: &str, object: &Value| {
        let path = format!("{resource}?dryRun=All").replace("NAMESPACE", namespace);
        let answer = runtime.block_on(call(&client, request("POST", &path, "json", object)));
        answer.map_err(|status| status.message)
    };
    let (pods, deployments) =
        ("/api/v1/namespaces/NAMESPACE/pods", "/apis/apps/v1/namespaces/NAMESPACE/deployments");
    for privilege in privileges().into_iter().chain(places()) {
        let (pod, template) = (privilege.pod(), privilege.template());
        let without_bulkhead = create(free, pods, &pod);
        assert!(without_bulkhead.is_ok(), "{without_bulkhead:?}\n{pod}");
        for (resource, object, prefix) in [(pods, &pod, ""), (deployments, &template, "spec.template.")] {
            let answer = create(&inside, resource, object);
            if privilege.is_rewritten && resource == pods {
                assert!(answer.is_ok(), "{answer:?}\n{object}");
                continue;
            }
            let Err(said) = answer else { panic!("admitted: {object}") };
            // The injector puts nine volumes before the tenant's own.
            let written = |path: &str| path.replace("spec.volumes[9]", "spec.volumes[0]");
            let found = violations(&said).into_iter().map(|(code, path)| (code.to_owned(), written(path)));
            assert_eq!(found.collect::<Vec<_>>(), privilege.violations(prefix), "{said}\n{object}");
        }
        let at_level = create(level, pods, &pod);
        let is_refused = at_level.as_ref().is_err_and(|said| said.contains("violates PodSecurity"));
        assert_eq!(is_refused, privilege.is_in_baseline, "{at_level:?}\n{pod}");
    }
}

/// The paths of fields that the table of pods limits, without indices.
#[test]
fn every_limited_field_of_a_pod_has_an_attack() {
    let limited = rows(table(Kind::Pod), |_| false).into_iter().filter_map(|row| match row.treatment {
        Treatment::Limited(limit) => Some((limit.code.to_owned(), row.path)),
        _ => None,
    });
    // Fields of the containers stand for those of init containers and debug containers, which have the same table.
    let is_listed = |path: &str| !path.contains("initContainers") && !path.contains("ephemeralContainers");
    let limited: BTreeSet<_> = limited.filter(|(_, path)| is_listed(path)).collect();
    let mut tried: BTreeSet<_> = privileges()
        .iter()
        .flat_map(|privilege| privilege.violations(""))
        .map(|(code, path)| (code, path.replace("[0]", "[]").replace("[1]", "[]")))
        .collect();
    tried.remove(&("BH301".to_owned(), "spec.hostNetwork".to_owned()));
    // In manuals: the API server refuses a pod for Windows with Istio's containers itself, the signer and the foreign data source are
    // behind feature gates, and the runtime matters in an ambient mesh.
    tried.extend(
        [
            ("BH301", "spec.os.name"),
            ("BH301", "spec.runtimeClassName"),
            ("BH310", "spec.volumes[].projected.sources[].podCertificate.signerName"),
            ("BH321", "spec.volumes[].ephemeral.volumeClaimTemplate.spec.dataSourceRef.namespace"),
        ]
        .map(|(code, path)| (code.to_owned(), path.to_owned())),
    );
    assert_eq!(tried, limited);
}

#[test]
fn pod_that_the_level_restricted_allows_is_admitted() {
    let it = shared();
    let member = new_tenant(&it, "unprivileged");
    let namespace = new_namespace(&member, "unprivileged");
    let restricted = json!({
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001,
        "privileged": false, "readOnlyRootFilesystem": true, "procMount": "Default",
        "capabilities": { "drop": ["ALL"], "add": ["NET_BIND_SERVICE"] },
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    // Those that the DaemonSet controller adds to its pods, and one for a pool of nodes.
    let tolerate =
        |(key, effect): (&str, &str)| json!({ "key": key, "operator": "Exists", "effect": effect });
    let tolerations: Vec<Value> = [
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/pid-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
        ("nvidia.com/gpu", "NoSchedule"),
    ]
    .map(tolerate)
    .into();
    let call = |port: u16| json!({ "httpGet": { "path": "/", "port": port, "host": "" } });
    let mut pod = objects::pod(&namespace);
    pod["spec"] = json!({
        "hostPID": false, "hostIPC": false, "hostNetwork": false, "hostUsers": false, "shareProcessNamespace": false,
        "dnsPolicy": "ClusterFirst", "dnsConfig": { "options": [{ "name": "ndots", "value": "2" }] },
        "hostAliases": [{ "ip": "203.0.113.7", "hostnames": ["api.example.com"] }], "nodeSelector": { "disk": "fast" }, "schedulerName": "default-scheduler",
        "tolerations": tolerations,
        "securityContext": {
            "runAsNonRoot": true, "fsGroup": 10001, "supplementalGroups": [2000],
            "seccompProfile": { "type": "RuntimeDefault" },
            "sysctls": [{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }],
        },
        "initContainers": [
            { "name": "migrate", "image": "registry.example.com/app:1", "securityContext": restricted },
            {
                "name": "agent", "image": "registry.example.com/agent:1", "restartPolicy": "Always",
                "securityContext": restricted,
            },
        ],
        "containers": [{
            "name": "app", "image": "registry.example.com/app:1", "securityContext": restricted,
            "ports": [{ "containerPort": 8080 }], "livenessProbe": call(8080), "readinessProbe": call(8080),
            "startupProbe": { "tcpSocket": { "port": 8080 } }, "lifecycle": { "preStop": { "sleep": { "seconds": 5 } } },
            "volumeMounts": [
                { "name": "data", "mountPath": "/data", "mountPropagation": "HostToContainer" },
                { "name": "scratch", "mountPath": "/tmp" },
            ],
        }],
        "volumes": [
            { "name": "data", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "scratch", "emptyDir": { "medium": "Memory" } },
            { "name": "settings", "configMap": { "name": "settings", "optional": true } },
            { "name": "password", "secret": { "secretName": "password", "optional": true } },
        ],
    });
    let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &pod.to_string()).unwrap();
    assert!(said.success, "{said:?}");
    assert_eq!(violations(&said.stderr), [], "{said:?}");
}

/// `kubectl debug` adds a container to a pod that runs.
#[test]
fn debug_container_with_privileges_is_refused_and_an_ordinary_one_is_admitted() {
    let it = shared();
    let member = new_tenant(&it, "privileges-debug");
    let namespace = new_namespace(&member, "privileges-debug");
    member.apply(&objects::pod(&namespace).to_string()).unwrap();
    let debug = |more: &[&str]| {
        let image = "--image=registry.example.com/debug:1";
        member.run(&[&["debug", "app", "-n", &namespace, image], more].concat()).unwrap()
    };
    let context = "spec.ephemeralContainers[0].securityContext";
    let capabilities = format!("{context}.capabilities.add[0]");
    expect_refused(
        &debug(&["--profile=netadmin"]),
        &[("BH307", &capabilities), ("BH307", &format!("{context}.capabilities.add[1]"))],
    );
    expect_refused(&debug(&["--profile=sysadmin"]), &[("BH307", &format!("{context}.privileged"))]);
    expect_refused(
        &debug(&["--profile=restricted", "--target=istio-proxy"]),
        &[("BH309", "spec.ephemeralContainers[0].targetContainerName")],
    );
    let custom = |context: Value| {
        let container =
            json!({ "name": "custom", "image": "registry.example.com/debug:1", "securityContext": context });
        let patch = json!({ "spec": { "ephemeralContainers": [container] } }).to_string();
        let write =
            ["patch", "pod", "app", "-n", &namespace, "--subresource=ephemeralcontainers", "-p", &patch];
        member.run(&write).unwrap()
    };
    expect_refused(&custom(json!({ "runAsUser": 1337 })), &[("BH305", &format!("{context}.runAsUser"))]);
    expect_refused(&custom(json!({ "runAsGroup": 1337 })), &[("BH305", &format!("{context}.runAsGroup"))]);
    for profile in ["--profile=baseline", "--profile=restricted"] {
        let said = debug(&[profile, "--target=app"]);
        assert!(said.success, "{profile}: {said:?}");
    }
}

/// Of the fields about its node, a pod that waits for one can get further tolerations.
#[test]
fn toleration_that_is_added_to_a_waiting_pod_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "waiting");
    let namespace = new_namespace(&member, "waiting");
    let mut pod = objects::pod(&namespace);
    pod["spec"]["schedulingGates"] = json!([{ "name": "example.com/wait" }]);
    member.apply(&pod.to_string()).unwrap();
    let tolerate = |toleration: Value| {
        let patch = json!([{ "op": "add", "path": "/spec/tolerations/-", "value": toleration }]).to_string();
        member.run(&["patch", "pod", "app", "-n", &namespace, "--type=json", "-p", &patch]).unwrap()
    };
    let added = [("BH311", "spec.tolerations[2]")];
    for key in ["node-role.kubernetes.io/control-plane", "cni.istio.io/not-ready"] {
        expect_refused(&tolerate(json!({ "key": key, "operator": "Exists" })), &added);
    }
    expect_refused(&tolerate(json!({ "operator": "Exists", "effect": "NoSchedule" })), &added);
    let said = tolerate(json!({ "key": "example.com/fast", "operator": "Exists", "effect": "NoSchedule" }));
    assert!(said.success, "{said:?}");
}

/// A reserved taint keeps other tenants away, and the selector keeps the tenant's own pods there.
#[test]
fn pod_outside_the_nodes_of_its_tenant_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "pool");
    let namespace = new_namespace(&member, "pool");
    let placed = |pool: &str| {
        let toleration = json!({ "key": "example.com/pool", "operator": "Exists" });
        let place = json!({ "nodeSelector": { "example.com/pool": pool }, "tolerations": [toleration] });
        let mut pod = objects::pod(&namespace);
        let mut deployment = objects::deployment(&namespace, "app");
        for spec in [&mut pod["spec"], &mut deployment["spec"]["template"]["spec"]] {
            spec.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        }
        [("spec", pod), ("spec.template.spec", deployment)]
    };
    let create = |object: &Value| {
        member.feed(&["create", "--dry-run=server", "-f", "-"], &object.to_string()).unwrap()
    };
    for (spec, object) in placed("pool") {
        let toleration = format!("{spec}.tolerations[0]");
        expect_refused_by("workloads", &create(&object), &[("BH311", &toleration)]);
    }

    let nodes = json!({ "selector": { "example.com/pool": "pool" }, "tolerations": ["example.com/pool"] });
    let grant = json!({ "spec": { "grants": { "nodes": nodes } } }).to_string();
    let admin = it.cluster.admin().unwrap();
    admin.ok(&["patch", "tenant", "pool", "--type=merge", "-p", &grant]).unwrap();
    until(|| placed("pool").iter().all(|(_, object)| create(object).success));
    for (spec, object) in placed("others") {
        let selector = format!("{spec}.nodeSelector");
        expect_refused_by("workloads", &create(&object), &[("BH311", &selector)]);
    }
}

/// The API server lets the name of the volume be set once, also after the claim was created.
#[test]
fn claim_that_chooses_a_volume_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "claims");
    let inside = new_namespace(&member, "claims");
    let admin = it.cluster.admin().unwrap();
    let outside = "claims-free";
    admin.ok(&["create", "namespace", outside]).unwrap();
    let of = |namespace: &str, name: &str, field: &str, value: &Value| {
        objects::object("v1", "PersistentVolumeClaim", namespace, name, &claim(field, value))
    };
    let stateful = |namespace: &str, field: &str, value: &Value| {
        let template = json!({ "metadata": { "name": "data" }, "spec": claim(field, value) });
        let mut stateful = objects::deployment(namespace, "app");
        stateful["kind"] = json!("StatefulSet");
        stateful["spec"]["volumeClaimTemplates"] = json!([template]);
        stateful
    };
    let create = ["create", "--dry-run=server", "-f", "-"];
    for (field, value) in chosen_volumes() {
        for (path, object) in [
            (format!("spec.{field}"), of(&inside, "chosen", field, &value)),
            (format!("spec.volumeClaimTemplates[0].spec.{field}"), stateful(&inside, field, &value)),
        ] {
            let said = member.feed(&create, &object.to_string()).unwrap();
            expect_refused_by("workloads", &said, &[("BH321", &path)]);
        }
        for object in [of(outside, "chosen", field, &value), stateful(outside, field, &value)] {
            expect_admitted(&admin.feed(&create, &object.to_string()).unwrap());
        }
    }
    let class = json!("fast");
    expect_admitted(
        &member.feed(&create, &stateful(&inside, "storageClassName", &class).to_string()).unwrap(),
    );
    for name in ["pending", "bound"] {
        member.apply(&of(&inside, name, "storageClassName", &class).to_string()).unwrap();
    }
    let bind = |kubectl: &Kubectl, name: &str| {
        let patch = r#"{"spec":{"volumeName":"others"}}"#;
        kubectl.run(&["patch", "pvc", name, "-n", &inside, "--type=merge", "-p", patch]).unwrap()
    };
    expect_refused_by("workload-changes", &bind(&member, "pending"), &[("BH321", "spec.volumeName")]);
    expect_admitted(&bind(&it.cluster.powerful(VOLUME_BINDER, "claims-controllers").unwrap(), "bound"));
    expect_admitted(&member.run(&["label", "pvc", "bound", "-n", &inside, "team=ours"]).unwrap());
}

/// The API server asks about a connection before it looks for the pod's node.
#[test]
fn connection_to_the_proxy_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "exec-proxy");
    let namespace = new_namespace(&member, "exec-proxy");
    member.apply(&objects::pod(&namespace).to_string()).unwrap();
    let exec = |kubectl: &Kubectl, container: &str| {
        kubectl.run(&["exec", "app", "-n", &namespace, "-c", container, "--", "id"]).unwrap()
    };
    let attach = |container: &str| member.run(&["attach", "app", "-n", &namespace, "-c", container]).unwrap();
    for container in ["istio-proxy", "istio-init"] {
        expect_refused_by("workload-changes", &exec(&member, container), &[("BH314", "container")]);
        expect_refused_by("workload-changes", &attach(container), &[("BH314", "container")]);
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods/app/proxy/metrics");
    let call = |kubectl: &Kubectl| kubectl.run(&["get", "--raw", &path]).unwrap();
    let stranger = it.cluster.powerful("exec-mallory", "strangers").unwrap();
    expect_refused_by("workload-changes", &call(&stranger), &[("BH314", "path")]);

    // No kubelet runs the pod, so these fail later.
    let admin = it.cluster.admin().unwrap();
    for said in [exec(&member, "app"), attach("app"), exec(&admin, "istio-proxy"), call(&admin)] {
        assert!(!said.success && denied_by(&said.stderr).is_empty(), "{said:?}");
    }
}
