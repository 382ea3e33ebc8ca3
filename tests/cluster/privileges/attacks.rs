//! The privileges: one for each field that the table of pods limits, and for each choice of a node or a network.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::objects;

/// A field of a pod with a value that a rule refuses.
pub(super) struct Privilege {
    pub(super) code: &'static str,
    /// The path in the pod.
    pub(super) path: &'static str,
    /// The pod's spec, as far as it differs from a harmless one.
    spec: Value,
    annotations: Value,
    /// True if the level `baseline` of the Pod Security Standards refuses it too.
    pub(super) is_in_baseline: bool,
    /// Further violations, without which the API server finds the pod invalid.
    more: &'static [(&'static str, &'static str)],
    /// True if the injector takes it out of pods, so that only templates are refused.
    pub(super) is_rewritten: bool,
}

impl Privilege {
    fn and(self, more: &'static [(&'static str, &'static str)]) -> Self {
        Self { more, ..self }
    }

    pub(super) fn pod(&self) -> Value {
        let mut pod = objects::pod("");
        pod["metadata"]["annotations"] = self.annotations.clone();
        for (field, value) in self.spec.as_object().unwrap() {
            pod["spec"][field] = value.clone();
        }
        pod
    }

    pub(super) fn template(&self) -> Value {
        let mut deployment = objects::deployment("", "app");
        deployment["spec"]["template"]["metadata"]["annotations"] = self.annotations.clone();
        for (field, value) in self.spec.as_object().unwrap() {
            deployment["spec"]["template"]["spec"][field] = value.clone();
        }
        deployment
    }

    /// The violations, in the order in which a refusal lists them.
    pub(super) fn violations(&self, prefix: &str) -> Vec<(String, String)> {
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

pub(super) fn privileges() -> Vec<Privilege> {
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
    for (field, value) in chosen_volumes() {
        all.push(beyond(
            "BH321",
            format!("spec.volumes[0].ephemeral.volumeClaimTemplate.spec.{field}").leak(),
            volume("ephemeral", &json!({ "volumeClaimTemplate": { "spec": claim(field, &value) } })),
        ));
    }
    for (source, value) in network_volumes() {
        all.push(beyond(VOLUME, format!("spec.volumes[0].{source}").leak(), volume(source, &value)));
    }
    all
}

/// The fields with which a claim chooses an existing volume.
pub(super) fn chosen_volumes() -> [(&'static str, Value); 2] {
    [("volumeName", json!("others")), ("selector", json!({ "matchLabels": { "app": "others" } }))]
}

/// The spec of a claim with this field.
pub(super) fn claim(field: &str, value: &Value) -> Value {
    let resources = json!({ "requests": { "storage": "1Gi" } });
    json!({ "accessModes": ["ReadWriteOnce"], "resources": resources, field: value })
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
pub(super) fn places() -> Vec<Privilege> {
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
        toleration(json!({ "key": "example.com/pool", "operator": "Exists" })),
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
    let devices = |field: &str| json!({ "resourceClaims": [{ "name": "card", field: "network-card" }] });
    let priority = json!({ "priorityClassName": "system-node-critical" });
    vec![
        baseline("BH318", "spec.containers[0].ports[0].hostPort", ports("hostPort", json!(8080))),
        beyond("BH318", "spec.containers[0].ports[0].hostIP", ports("hostIP", json!("127.0.0.1"))),
        beyond("BH319", "spec.dnsPolicy", json!({ "dnsPolicy": "Default" })),
        beyond("BH319", "spec.dnsConfig.nameservers[0]", name_server),
        beyond(
            "BH319",
            "spec.hostAliases[0].hostnames[0]",
            json!({ "hostAliases": [{ "ip": "203.0.113.7", "hostnames": ["istiod.istio-system.svc"] }] }),
        ),
        beyond("BH319", "spec.hostnameOverride", json!({ "hostnameOverride": "istiod.istio-system.svc" })),
        beyond("BH320", "spec.priorityClassName", priority),
        beyond(
            "BH322",
            "spec.resourceClaims[0].resourceClaimTemplateName",
            devices("resourceClaimTemplateName"),
        ),
        beyond("BH322", "spec.resourceClaims[0].resourceClaimName", devices("resourceClaimName")),
        beyond(
            "BH323",
            "spec.containers[0].ports[0].containerPort",
            container(&json!({ "ports": [{ "containerPort": 15021 }] })),
        ),
    ]
}
