//! The pods of a tenant's waypoint, in a cluster of its own with a real istiod in ambient mode. Istiod makes them of a Gateway,
//! which the platform creates, and they need no Exemption. Pods that only seem to be waypoints are refused.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant};
use support::objects::{changed, object};
use support::refusal::{dry_run, refused, violations};
use support::wait::until;
use support::{BINARY, settings_with_dataplane, snapshot_files};

const GATEWAY: &str = "gateways.gateway.networking.k8s.io";
const SHELL: &str = "registry.example.com/shell:1";
const MANAGED: &str = "gateway.istio.io/managed";
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
const ADVICE: &str = "remove the object, and ask the platform for a Gateway of the class `istio-waypoint`";

fn ambient() -> MutexGuard<'static, Installation> {
    static AMBIENT: LazyLock<Mutex<Installation>> = LazyLock::new(|| {
        let settings = settings_with_dataplane("Ambient");
        Mutex::new(Installation::start_ambient(&BINARY, &settings).unwrap())
    });
    AMBIENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tenant with a namespace, in which the platform creates a waypoint and istiod its pod.
struct Started {
    member: Kubectl,
    admin: Kubectl,
    namespace: String,
    /// The template of the Deployment, as istiod wrote it.
    template: Value,
    /// The name of the pod.
    running: String,
}

impl Started {
    fn new(it: &Installation, tenant: &str) -> Self {
        let member = new_tenant(it, tenant);
        Self::of(it, tenant, member)
    }

    fn of(it: &Installation, tenant: &str, member: Kubectl) -> Self {
        let namespace = new_namespace(&member, tenant);
        let admin = it.cluster.admin().unwrap();
        let spec = json!({
            "gatewayClassName": "istio-waypoint",
            "listeners": [{ "name": "mesh", "port": 15008, "protocol": "HBONE" }],
        });
        let gateway = object("gateway.networking.k8s.io/v1", "Gateway", &namespace, "waypoint", &spec);
        let gateway =
            changed(gateway, |it| it["metadata"]["labels"] = json!({ "istio.io/waypoint-for": "service" }));
        // Gateways are the platform's.
        refused(&member, &["create", "-f", "-"], &gateway.to_string(), &[("BH906", "kind")]);
        admin.apply(&gateway.to_string()).unwrap();
        let selector = format!("{GATEWAY_NAME}=waypoint");
        let get = ["get", "pods", "-n", &namespace, "-l", &selector, "-o", "json"];
        let running = until(|| {
            let pods: Value = serde_json::from_str(&admin.ok(&get).unwrap()).unwrap();
            pods["items"].get(0).map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        });
        let template =
            shown(&admin, &["deployment", "waypoint", "-n", &namespace])["spec"]["template"].clone();
        Self { member, admin, namespace, template, running }
    }

    /// The pod of istiod's template, without the token of its account.
    fn pod(&self) -> Value {
        changed(self.template.clone(), |pod| {
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["name"] = json!("waypoint");
            pod["metadata"].as_object_mut().unwrap().remove("creationTimestamp");
            pod["spec"]["automountServiceAccountToken"] = json!(false);
        })
    }

    /// A Deployment that the tenant writes with this pod.
    fn deployment(&self, pod: &Value) -> Value {
        let template = json!({ "metadata": pod["metadata"], "spec": pod["spec"] });
        let template = changed(template, |template| {
            template["metadata"]["labels"]["app"] = json!("mine");
            template["metadata"].as_object_mut().unwrap().remove("name");
        });
        let selector = json!({ "matchLabels": { "app": "mine" } });
        let spec = json!({ "selector": selector, "template": template });
        object("apps/v1", "Deployment", &self.namespace, "mine", &spec)
    }
}

fn shown(kubectl: &Kubectl, of: &[&str]) -> Value {
    let arguments = [&["get"], of, &["-o", "json"]].concat();
    serde_json::from_str(&kubectl.ok(&arguments).unwrap()).unwrap()
}

fn proxy(pod: &mut Value) -> &mut Value {
    &mut pod["spec"]["containers"][0]
}

/// Sets a variable of the proxy, in the place that it has or at the end.
fn set_variable(pod: &mut Value, name: &str, value: &str) {
    let variables = proxy(pod)["env"].as_array_mut().unwrap();
    let new = json!({ "name": name, "value": value });
    match variables.iter_mut().find(|variable| variable["name"] == name) {
        Some(known) => *known = new,
        None => variables.push(new),
    }
}

#[test]
fn waypoint_of_a_tenant_starts_without_an_exemption() {
    let it = ambient();
    let started = Started::new(&it, "wp-start");
    let Started { member, admin, namespace, .. } = &started;
    assert_eq!(admin.ok(&["get", "exemptions", "-o", "name"]).unwrap(), "");
    for kind in ["deployment", "service", "serviceaccount"] {
        let created = shown(admin, &[kind, "waypoint", "-n", namespace, "--show-managed-fields"]);
        assert_eq!(created["metadata"]["labels"][MANAGED], "istio.io-mesh-controller", "{created}");
        let writer = &created["metadata"]["managedFields"][0]["manager"];
        assert_eq!(writer, "istio.io/gateway-controller", "{created}");
    }
    assert_eq!(started.template["spec"]["containers"][0]["args"][1], "waypoint");
    // Pods are made of it again and again, and a backup restores it.
    let running = shown(admin, &["pod", &started.running, "-n", namespace]);
    let restored = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": running["spec"],
        "metadata": {
            "name": "waypoint-restored", "labels": running["metadata"]["labels"],
            "annotations": running["metadata"]["annotations"],
        },
    });
    let (success, said) = dry_run(admin, namespace, &restored);
    assert!(success, "{said}");
    member.ok(&["rollout", "restart", "deployment/waypoint", "-n", namespace]).unwrap();
    // The platform configures it in the Gateway.
    let patch =
        r#"{"metadata":{"annotations":{"sidecar.istio.io/logLevel":"debug"},"labels":{"team":"shop"}}}"#;
    admin.ok(&["patch", GATEWAY, "waypoint", "-n", namespace, "--type=merge", "-p", patch]).unwrap();
    until(|| {
        let deployment = shown(admin, &["deployment", "waypoint", "-n", namespace]);
        deployment["spec"]["template"]["metadata"]["labels"]["team"] == "shop"
    });
}

/// In a mesh with sidecars, a tenant that has moved to the ambient dataplane has waypoints, and no other has.
#[test]
fn waypoint_of_a_moved_tenant_starts() {
    let mut it = ambient();
    it.change_settings(&settings_with_dataplane("Sidecar")).unwrap();
    let member = new_tenant(&it, "wp-moved");
    let admin = it.cluster.admin().unwrap();
    let ambient = json!({ "spec": { "dataplane": "Ambient" } }).to_string();
    admin.ok(&["patch", "tenant", "wp-moved", "--type=merge", "-p", &ambient]).unwrap();
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "tenant-wp-moved" } });
    until(|| {
        let create = ["create", "--dry-run=server", "-o", "yaml", "-f", "-"];
        member.feed(&create, &namespace.to_string()).unwrap().stdout.contains("dataplane-mode: ambient")
    });
    let started = Started::of(&it, "wp-moved", member);
    let fake = changed(started.pod(), |pod| proxy(pod)["image"] = json!(SHELL));
    let (_, of_fake) = dry_run(&started.member, &started.namespace, &fake);
    let other = new_tenant(&it, "wp-stayed");
    let namespace = new_namespace(&other, "wp-stayed");
    other.ok(&["create", "serviceaccount", "waypoint", "-n", &namespace]).unwrap();
    let (_, of_other) = dry_run(&other, &namespace, &started.pod());
    it.change_settings(&settings_with_dataplane("Ambient")).unwrap();

    let codes = |said: &str| violations(said).iter().map(|(code, _)| (*code).to_owned()).collect::<Vec<_>>();
    assert_eq!(codes(&of_fake), ["BH302", "BH302", "BH304"], "{of_fake}");
    assert_eq!(codes(&of_other)[..2], ["BH302", "BH302"], "{of_other}");
}

/// The suite `mutations` changes each value of this pod.
#[test]
fn pod_of_a_waypoint_matches_istiods_template() {
    let it = ambient();
    let started = Started::new(&it, "wp-example");
    let create =
        ["create", "--dry-run=server", "-o", "json", "--show-managed-fields", "-n", &started.namespace];
    let said =
        started.member.feed(&[&create[..], &["-f", "-"]].concat(), &started.pod().to_string()).unwrap();
    assert!(said.success, "{}", said.stderr);
    snapshot_files::compare_pod("examples/waypoint.json", &said.stdout, &started.namespace);
}

/// The code that refuses the attack, a part of its path, and the change of the pod.
type Attack<'a> = (&'static str, &'static str, &'a dyn Fn(&mut Value));

#[test]
fn counterfeit_waypoint_is_refused() {
    let it = ambient();
    let started = Started::new(&it, "wp-fake");
    let Started { member, namespace, .. } = &started;
    member.ok(&["create", "serviceaccount", "other", "-n", namespace]).unwrap();
    let shell = json!({ "name": "shell", "image": SHELL });
    let (with_label, with_annotation) = (
        |key: &'static str, value: &'static str| {
            move |pod: &mut Value| {
                pod["metadata"]["labels"][key] = json!(value);
            }
        },
        |key: &'static str, value: &'static str| {
            move |pod: &mut Value| {
                pod["metadata"]["annotations"][key] = json!(value);
            }
        },
    );
    let with_variable =
        |name: &'static str, value: &'static str| move |pod: &mut Value| set_variable(pod, name, value);
    let attacks: [Attack<'_>; 29] = [
        ("BH304", "containers[1]", &|pod| {
            pod["spec"]["containers"].as_array_mut().unwrap().push(shell.clone());
        }),
        ("BH304", "initContainers[0]", &|pod| pod["spec"]["initContainers"] = json!([shell])),
        ("BH304", "containers[0].image", &|pod| proxy(pod)["image"] = json!(SHELL)),
        ("BH304", "containers[0].command", &|pod| proxy(pod)["command"] = json!(["sleep", "infinity"])),
        ("BH304", "containers[0].args", &|pod| proxy(pod)["args"] = json!(["proxy", "sidecar"])),
        ("BH304", "containers[0].args", &|pod| proxy(pod)["args"] = json!(["proxy", "ztunnel"])),
        ("BH304", "containers[0].args", &|pod| {
            proxy(pod)["args"].as_array_mut().unwrap().push(json!("--templateFile=/mine"));
        }),
        ("BH304", "containers[0].envFrom", &|pod| {
            proxy(pod)["envFrom"] = json!([{ "configMapRef": { "name": "mine" } }]);
        }),
        ("BH304", "containers[0].env", &with_variable("CA_ADDR", "istiod.elsewhere.svc:15012")),
        ("BH304", "containers[0].env", &with_variable("TRUST_DOMAIN", "elsewhere")),
        ("BH304", "containers[0].env", &with_variable("POD_NAMESPACE", "wp-other")),
        ("BH304", "containers[0].env", &with_variable("ISTIO_META_NETWORK", "theirs")),
        ("BH304", "containers[0].env", &with_variable("ISTIO_META_REQUESTED_NETWORK_VIEW", "theirs")),
        ("BH304", "containers[0].env", &with_variable("ISTIO_META_CLUSTER_ID", "theirs")),
        ("BH304", "containers[0].env", &with_variable("ISTIO_BOOTSTRAP_OVERRIDE", "/mine.json")),
        (
            "BH304",
            "containers[0].env",
            &with_variable("PROXY_CONFIG", r#"{"discoveryAddress":"istiod.elsewhere.svc:15012"}"#),
        ),
        ("BH304", "containers[0].env", &|pod| {
            let variables = proxy(pod)["env"].as_array_mut().unwrap();
            variables.retain(|variable| variable["name"] != "CA_ADDR");
        }),
        ("BH304", "containers[0].volumeMounts", &|pod| {
            let mount = json!({ "name": "go-proxy-data", "mountPath": "/usr/local/bin" });
            proxy(pod)["volumeMounts"].as_array_mut().unwrap().push(mount);
        }),
        ("BH304", "containers[0].ports", &|pod| {
            proxy(pod)["ports"] = json!([{ "containerPort": 15008 }]);
        }),
        ("BH304", "containers[0].securityContext", &|pod| {
            proxy(pod)["securityContext"] = json!({ "runAsUser": 0 });
        }),
        ("BH304", "volumes[", &|pod| {
            let volume = json!({ "name": "mine", "emptyDir": {} });
            pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
        }),
        ("BH304", "volumes[", &|pod| {
            for volume in pod["spec"]["volumes"].as_array_mut().unwrap() {
                if volume["name"] == "istiod-ca-cert" {
                    volume["configMap"]["name"] = json!("mine");
                }
            }
        }),
        ("BH304", "serviceAccountName", &|pod| {
            pod["spec"]["serviceAccountName"] = json!("other");
            pod["spec"]["serviceAccount"] = json!("other");
        }),
        ("BH304", "gateway-name", &with_label(GATEWAY_NAME, "other")),
        ("BH304", "topology.istio.io/network", &with_label("topology.istio.io/network", "theirs")),
        (
            "BH304",
            "proxy.istio.io/config",
            &with_annotation("proxy.istio.io/config", "discoveryAddress: mine:15012"),
        ),
        ("BH304", "bootstrapOverride", &with_annotation("sidecar.istio.io/bootstrapOverride", "mine")),
        // These are no waypoints of Istio at all.
        ("BH302", "istio.io/dataplane-mode", &with_label(MANAGED, "istio.io-eastwest-controller")),
        ("BH302", "sidecar.istio.io/inject", &|pod| {
            pod["metadata"]["labels"].as_object_mut().unwrap().remove(MANAGED);
        }),
    ];
    let genuine = started.pod();
    for manifest in [genuine.clone(), started.deployment(&genuine)] {
        let (success, said) = dry_run(member, namespace, &manifest);
        assert!(success, "{said}");
    }
    for attack in attacks {
        expect_foiled(&started, attack);
    }
}

/// The change is refused to an administrator in the pod, and to the tenant in a template.
fn expect_foiled(started: &Started, (code, place, change): Attack<'_>) {
    let pod = changed(started.pod(), change);
    for (attacker, manifest) in [(&started.admin, pod.clone()), (&started.member, started.deployment(&pod))] {
        let (success, said) = dry_run(attacker, &started.namespace, &manifest);
        let found = violations(&said);
        let is_found = found.iter().any(|(found, path)| *found == code && path.contains(place));
        assert!(!success && is_found, "{code} {place}: {said}\n{manifest}");
        // It is outside the mesh.
        assert!(found.iter().any(|(code, _)| *code == "BH302"), "{said}");
        assert!(code == "BH302" || said.contains(ADVICE), "{said}");
    }
}

#[test]
fn running_waypoint_is_not_made_another_workload() {
    let it = ambient();
    let Started { member, namespace, running, .. } = Started::new(&it, "wp-change");
    let pod = ["pod", running.as_str(), "-n", &namespace];
    let codes = |arguments: &[&str], input: &str| {
        let said = member.feed(arguments, input).unwrap();
        assert!(!said.success, "{arguments:?}: {said:?}");
        violations(&said.stderr).iter().map(|(code, _)| (*code).to_owned()).collect::<Vec<_>>()
    };
    let label = |entry: &str| codes(&[&["label"], &pod[..], &["--overwrite", entry]].concat(), "");
    // The policy of the baseline is attached by this name, and the kind of gateway follows from the other.
    assert_eq!(label(&format!("{GATEWAY_NAME}=other")), ["BH302", "BH302", "BH304"]);
    assert_eq!(label(&format!("{GATEWAY_NAME}-")), ["BH302", "BH302", "BH304"]);
    assert_eq!(label(&format!("{MANAGED}=istio.io-eastwest-controller"))[..2], ["BH302", "BH302"]);
    assert_eq!(label(&format!("{MANAGED}-"))[..2], ["BH302", "BH302"]);
    assert_eq!(label("istio.io/dataplane-mode=ambient"), ["BH302", "BH304"]);
    assert_eq!(label("topology.istio.io/network=theirs"), ["BH302", "BH302", "BH304"]);
    let config = "proxy.istio.io/config=discoveryAddress: mine:15012";
    let annotate = [&["annotate"], &pod[..], &["--overwrite", config]].concat();
    assert_eq!(codes(&annotate, ""), ["BH302", "BH302", "BH304"]);
    let replaced = format!("istio-proxy={SHELL}");
    let image = [&["set", "image"], &pod[..], &[replaced.as_str()]].concat();
    assert_eq!(codes(&image, ""), ["BH302", "BH302", "BH304"]);
    let debug = [
        "debug",
        &running,
        "-n",
        &namespace,
        &format!("--image={SHELL}"),
        "--profile=restricted",
        "--",
        "sh",
    ];
    let debugged = codes(&debug, "");
    assert!(debugged.contains(&"BH304".to_owned()), "{debugged:?}");
    // A harmless label stays possible.
    member.ok(&[&["label"], &pod[..], &["team=shop"]].concat()).unwrap();

    // Commands in the proxy, also without its name: Kubernetes takes the only container then.
    let exec = ["exec", &running, "-n", &namespace, "-c", "istio-proxy", "--", "id"];
    assert_eq!(codes(&exec, ""), ["BH314"]);
    for name in ["", "&container=istio-proxy"] {
        for verb in ["exec", "attach"] {
            let path =
                format!("/api/v1/namespaces/{namespace}/pods/{running}/{verb}?command=id&stdout=true{name}");
            assert_eq!(codes(&["create", "--raw", &path, "-f", "-"], "{}"), ["BH314"], "{path}");
        }
    }

    // The tenant's own change of istiod's Deployment.
    let deployment = ["deployment", "waypoint", "-n", &namespace];
    let image = [&["set", "image"], &deployment[..], &[replaced.as_str()]].concat();
    let found = codes(&image, "");
    assert!(found.contains(&"BH304".to_owned()), "{found:?}");
    let account = [&["set", "serviceaccount"], &deployment[..], &["default"]].concat();
    let found = codes(&account, "");
    assert!(found.contains(&"BH304".to_owned()), "{found:?}");
    member.ok(&[&["scale"], &deployment[..], &["--replicas=2"]].concat()).unwrap();
}
