//! Privileges of pods with which a program can leave the mesh or reach the node, through the real API server and the
//! real injector. Each is admitted without Bulkhead, and refused in a tenant's namespace, in pods and in templates. The
//! API server's own level `baseline` of the Pod Security Standards refuses the same, as far as it goes.

use std::collections::BTreeSet;

use bulkhead::kinds::Kind;
use bulkhead::policy::fields::{Treatment, rows, table};
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::api::{call, client, request};
use support::cluster::{new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects;
use support::refusal::{denied_by, expect_refused, expect_refused_by, violations};
use support::wait::until;
use tokio::runtime::Runtime;

/// A field of a pod with a value that a rule refuses.
struct Privilege {
    code: &'static str,
    /// The path in the pod.
    path: &'static str,
    /// The pod's spec, as far as it differs from a harmless one.
    spec: Value,
    annotations: Value,
    /// True if the level `baseline` of the Pod Security Standards refuses it too.
    is_in_baseline: bool,
    /// Further violations, without which the API server finds the pod invalid.
    more: &'static [(&'static str, &'static str)],
    /// True if the injector takes it out of pods, so that only templates are refused.
    is_rewritten: bool,
}

impl Privilege {
    fn and(self, more: &'static [(&'static str, &'static str)]) -> Self {
        Self { more, ..self }
    }

    fn pod(&self) -> Value {
        let mut pod = objects::pod("");
        pod["metadata"]["annotations"] = self.annotations.clone();
        for (field, value) in self.spec.as_object().unwrap() {
            pod["spec"][field] = value.clone();
        }
        pod
    }

    fn template(&self) -> Value {
        let mut deployment = objects::deployment("", "app");
        deployment["spec"]["template"]["metadata"]["annotations"] = self.annotations.clone();
        for (field, value) in self.spec.as_object().unwrap() {
            deployment["spec"]["template"]["spec"][field] = value.clone();
        }
        deployment
    }

    /// The violations, in the order in which a refusal lists them.
    fn violations(&self, prefix: &str) -> Vec<(String, String)> {
        let own = std::iter::once(&(self.code, self.path)).chain(self.more).copied().collect::<BTreeSet<_>>();
        own.into_iter().map(|(code, path)| (code.to_owned(), format!("{prefix}{path}"))).collect()
    }
}

/// A privilege that the level `baseline` refuses too.
fn baseline(code: &'static str, path: &'static str, spec: Value) -> Privilege {
    let annotations = json!({});
    Privilege { code, path, spec, annotations, is_in_baseline: true, more: &[], is_rewritten: false }
}

fn beyond(code: &'static str, path: &'static str, spec: Value) -> Privilege {
    Privilege { is_in_baseline: false, ..baseline(code, path, spec) }
}

/// A spec whose container has these fields.
fn container(fields: &Value) -> Value {
    let mut container = json!({ "name": "app", "image": "registry.example.com/app:1" });
    container.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "containers": [container] })
}

fn context(context: &Value) -> Value {
    container(&json!({ "securityContext": context }))
}

fn pod_context(context: &Value) -> Value {
    json!({ "securityContext": context })
}

fn volume(source: &str, value: &Value) -> Value {
    json!({ "volumes": [{ "name": "data", source: value }] })
}

const USER: &str = "BH305";
const HOST: &str = "BH306";
const RIGHTS: &str = "BH307";
const VOLUME: &str = "BH308";
const PROBE: &str = "BH317";

fn privileges() -> Vec<Privilege> {
    let all = [users(), namespaces(), rights(), se_linux(), volumes(), probes(), others()];
    all.into_iter().flatten().collect()
}

fn users() -> Vec<Privilege> {
    vec![
        beyond(USER, "spec.securityContext.runAsUser", pod_context(&json!({ "runAsUser": 1337 }))),
        beyond(USER, "spec.securityContext.runAsGroup", pod_context(&json!({ "runAsGroup": 1337 }))),
        beyond(USER, "spec.securityContext.fsGroup", pod_context(&json!({ "fsGroup": 1337 }))),
        beyond(
            USER,
            "spec.securityContext.supplementalGroups[1]",
            pod_context(&json!({ "supplementalGroups": [1, 1337] })),
        ),
        beyond(USER, "spec.containers[0].securityContext.runAsUser", context(&json!({ "runAsUser": 1337 }))),
        beyond(
            USER,
            "spec.containers[0].securityContext.runAsGroup",
            context(&json!({ "runAsGroup": 1337 })),
        ),
    ]
}

fn namespaces() -> Vec<Privilege> {
    let windows = json!({ "windowsOptions": { "hostProcess": true } });
    vec![
        baseline(HOST, "spec.hostPID", json!({ "hostPID": true })),
        baseline(HOST, "spec.hostIPC", json!({ "hostIPC": true })),
        baseline(
            HOST,
            "spec.securityContext.windowsOptions.hostProcess",
            json!({ "hostNetwork": true, "securityContext": windows }),
        )
        .and(&[("BH301", "spec.hostNetwork")]),
        baseline(
            HOST,
            "spec.containers[0].securityContext.windowsOptions.hostProcess",
            json!({ "hostNetwork": true, "containers": context(&windows)["containers"] }),
        )
        .and(&[("BH301", "spec.hostNetwork")]),
        beyond("BH309", "spec.shareProcessNamespace", json!({ "shareProcessNamespace": true })),
    ]
}

fn rights() -> Vec<Privilege> {
    let unmasked = context(&json!({ "procMount": "Unmasked" }));
    let sysctl = json!({ "sysctls": [{ "name": "net.ipv4.conf.all.route_localnet", "value": "1" }] });
    let mut all = vec![
        baseline(
            RIGHTS,
            "spec.containers[0].securityContext.privileged",
            context(&json!({ "privileged": true })),
        ),
        // The API server admits it only with users of the pod's own, and then the level does too.
        beyond(
            RIGHTS,
            "spec.containers[0].securityContext.procMount",
            json!({ "hostUsers": false, "containers": unmasked["containers"] }),
        ),
        baseline(RIGHTS, "spec.securityContext.sysctls[0].name", pod_context(&sysctl)),
    ];
    for profile in ["seccompProfile", "appArmorProfile"] {
        let unconfined = json!({ profile: { "type": "Unconfined" } });
        all.extend(in_both_contexts(&format!("{profile}.type"), &unconfined));
    }
    for capability in ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "BPF", "ALL", "cap_net_admin"] {
        all.push(baseline(
            RIGHTS,
            "spec.containers[0].securityContext.capabilities.add[0]",
            context(&json!({ "capabilities": { "add": [capability] } })),
        ));
    }
    all
}

fn se_linux() -> Vec<Privilege> {
    let options = [("user", "system_u"), ("role", "system_r"), ("type", "spc_t")];
    let of = |(field, value): (&str, &str)| {
        in_both_contexts(&format!("seLinuxOptions.{field}"), &json!({ "seLinuxOptions": { field: value } }))
    };
    options.into_iter().flat_map(of).collect()
}

/// A field of a security context, once in that of the pod and once in that of its container.
fn in_both_contexts(field: &str, value: &Value) -> [Privilege; 2] {
    let path = |scope: &str| -> &'static str { format!("{scope}.securityContext.{field}").leak() };
    [
        baseline(RIGHTS, path("spec"), pod_context(value)),
        baseline(RIGHTS, path("spec.containers[0]"), context(value)),
    ]
}

fn volumes() -> Vec<Privilege> {
    let bidirectional = container(&json!({
        "securityContext": { "privileged": true },
        "volumeMounts": [{ "name": "data", "mountPath": "/data", "mountPropagation": "Bidirectional" }],
    }));
    let mut all = vec![
        baseline(
            VOLUME,
            "spec.volumes[0].hostPath",
            volume("hostPath", &json!({ "path": "/var/lib/kubelet" })),
        ),
        beyond(VOLUME, "spec.volumes[0].csi.driver", volume("csi", &json!({ "driver": "csi.spiffe.io" }))),
        baseline(
            VOLUME,
            "spec.containers[0].volumeMounts[0].mountPropagation",
            json!({
                "volumes": [{ "name": "data", "emptyDir": {} }],
                "containers": bidirectional["containers"],
            }),
        )
        .and(&[("BH307", "spec.containers[0].securityContext.privileged")]),
    ];
    for (source, value) in network_volumes() {
        all.push(beyond(VOLUME, format!("spec.volumes[0].{source}").leak(), volume(source, &value)));
    }
    all
}

/// The other kinds of volumes that a node mounts.
fn network_volumes() -> [(&'static str, Value); 20] {
    [
        ("awsElasticBlockStore", json!({ "volumeID": "v" })),
        ("azureDisk", json!({ "diskName": "d", "diskURI": "https://d.blob.example.com/d.vhd" })),
        ("azureFile", json!({ "secretName": "s", "shareName": "s" })),
        ("cephfs", json!({ "monitors": ["m"] })),
        ("cinder", json!({ "volumeID": "v" })),
        ("fc", json!({ "targetWWNs": ["500a0982991b8dc5"], "lun": 0 })),
        ("flexVolume", json!({ "driver": "example.com/d" })),
        ("flocker", json!({ "datasetName": "d" })),
        ("gcePersistentDisk", json!({ "pdName": "d" })),
        ("gitRepo", json!({ "repository": "https://git.example.com/r" })),
        ("glusterfs", json!({ "endpoints": "e", "path": "p" })),
        ("iscsi", json!({ "targetPortal": "10.0.0.7:3260", "iqn": "iqn.2001-04.com.example:s", "lun": 0 })),
        ("nfs", json!({ "server": "nfs.example.com", "path": "/" })),
        ("photonPersistentDisk", json!({ "pdID": "d" })),
        ("portworxVolume", json!({ "volumeID": "v" })),
        ("quobyte", json!({ "registry": "r:1", "volume": "v" })),
        ("rbd", json!({ "monitors": ["m"], "image": "i" })),
        (
            "scaleIO",
            json!({ "gateway": "https://g.example.com", "system": "s", "volumeName": "v", "secretRef": { "name": "s" } }),
        ),
        ("storageos", json!({ "volumeName": "v" })),
        ("vsphereVolume", json!({ "volumePath": "[d] v" })),
    ]
}

fn probes() -> Vec<Privilege> {
    let mut all = Vec::new();
    let calls = [
        json!({ "httpGet": { "host": "10.0.0.7", "port": 8080 } }),
        json!({ "tcpSocket": { "host": "10.0.0.7", "port": 8080 } }),
    ];
    for (call, name) in calls.iter().zip(["httpGet", "tcpSocket"]) {
        let path = |field: &str| -> &'static str { format!("spec.containers[0].{field}.{name}.host").leak() };
        for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
            all.push(baseline(PROBE, path(field), container(&json!({ field: call }))));
        }
        for hook in ["postStart", "preStop"] {
            let path = path(&format!("lifecycle.{hook}"));
            all.push(baseline(PROBE, path, container(&json!({ "lifecycle": { hook: call } }))));
        }
    }
    // Istio's agent makes the calls over TCP, to the pod's own address.
    all.into_iter()
        .map(|probe| Privilege { is_rewritten: probe.path.contains("tcpSocket"), ..probe })
        .collect()
}

/// Choices of a node or a network, which no table of fields limits.
fn places() -> Vec<Privilege> {
    let toleration =
        |toleration: Value| beyond("BH311", "spec.tolerations[0]", json!({ "tolerations": [toleration] }));
    let key = |path, key: &str, value: &str| Privilege {
        annotations: json!({ key: value }),
        ..beyond("BH313", path, json!({}))
    };
    vec![
        beyond("BH311", "spec.nodeName", json!({ "nodeName": "control-plane-1" })),
        beyond("BH311", "spec.schedulerName", json!({ "schedulerName": "mine" })),
        toleration(json!({ "operator": "Exists" })),
        toleration(json!({ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" })),
        toleration(json!({ "key": "cni.istio.io/not-ready", "operator": "Exists" })),
        toleration(
            json!({ "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule" }),
        ),
        key("metadata.annotations[k8s.v1.cni.cncf.io/networks]", "k8s.v1.cni.cncf.io/networks", "macvlan"),
        key(
            "metadata.annotations[cni.projectcalico.org/ipAddrs]",
            "cni.projectcalico.org/ipAddrs",
            "[\"10.0.0.7\"]",
        ),
    ]
}

fn others() -> Vec<Privilege> {
    let ports =
        |field: &str, value: Value| container(&json!({ "ports": [{ "containerPort": 8080, field: value }] }));
    let name_server = json!({ "dnsConfig": { "nameservers": ["203.0.113.53"] } });
    let priority = json!({ "priorityClassName": "system-node-critical" });
    vec![
        baseline("BH318", "spec.containers[0].ports[0].hostPort", ports("hostPort", json!(8080))),
        beyond("BH318", "spec.containers[0].ports[0].hostIP", ports("hostIP", json!("127.0.0.1"))),
        beyond("BH319", "spec.dnsPolicy", json!({ "dnsPolicy": "Default" })),
        beyond("BH319", "spec.dnsConfig.nameservers[0]", name_server),
        beyond("BH320", "spec.priorityClassName", priority),
    ]
}

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
    // In manuals: the API server refuses a pod for Windows with Istio's containers itself, the signer is behind a feature
    // gate, and the runtime matters in an ambient mesh.
    tried.extend(
        [
            ("BH301", "spec.os.name"),
            ("BH301", "spec.runtimeClassName"),
            ("BH310", "spec.volumes[].projected.sources[].podCertificate.signerName"),
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
        "nodeSelector": { "disk": "fast" }, "schedulerName": "default-scheduler",
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
    member.feed(&["create", "-f", "-"], &objects::pod(&namespace).to_string()).unwrap();
    until(|| member.run(&["get", "pod", "app", "-n", &namespace]).unwrap().success);
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
    member.feed(&["create", "-f", "-"], &pod.to_string()).unwrap();
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

/// The API server asks about a connection before it looks for the pod's node.
#[test]
fn connection_to_the_proxy_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "exec-proxy");
    let namespace = new_namespace(&member, "exec-proxy");
    member.feed(&["create", "-f", "-"], &objects::pod(&namespace).to_string()).unwrap();
    until(|| member.run(&["get", "pod", "app", "-n", &namespace]).unwrap().success);
    let exec = |kubectl: &Kubectl, container: &str| {
        kubectl.run(&["exec", "app", "-n", &namespace, "-c", container, "--", "id"]).unwrap()
    };
    let attach = |container: &str| member.run(&["attach", "app", "-n", &namespace, "-c", container]).unwrap();
    for container in ["istio-proxy", "istio-init"] {
        expect_refused_by("workloads", &exec(&member, container), &[("BH314", "container")]);
        expect_refused_by("workloads", &attach(container), &[("BH314", "container")]);
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods/app/proxy/metrics");
    let call = |kubectl: &Kubectl| kubectl.run(&["get", "--raw", &path]).unwrap();
    let stranger = it.cluster.powerful("exec-mallory", "strangers").unwrap();
    expect_refused_by("workloads", &call(&stranger), &[("BH314", "path")]);

    // No kubelet runs the pod, so these fail later.
    let admin = it.cluster.admin().unwrap();
    for said in [exec(&member, "app"), attach("app"), exec(&admin, "istio-proxy"), call(&admin)] {
        assert!(!said.success && denied_by(&said.stderr).is_empty(), "{said:?}");
    }
}
