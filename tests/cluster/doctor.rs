//! `bulkhead doctor` in a cluster of its own: nothing is found there, until the cluster is broken in one way after the
//! other.

use std::fs;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::program::{Installation, NAMESPACE, controller, printed};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{wait_for_default_account, wait_until_ready};
use support::command::bulkhead_with;
use support::objects::{self, object};
use support::wait::{until, within};

/// Flags with which kubeadm and managed clusters start an API server. The harness adds the mode `RBAC`.
const NODE_FLAGS: [&str; 2] = ["--authorization-mode=Node", "--enable-admission-plugins=NodeRestriction"];
const VALIDATING: &str = "validatingwebhookconfiguration";
const MUTATING: &str = "mutatingwebhookconfiguration";
const NAME: &str = "tenant-bulkhead";

/// A finding, as the command prints it in JSON.
type Finding = Value;

/// The installation, with a tenant and everything that its settings name.
fn patient() -> MutexGuard<'static, Installation> {
    static PATIENT: OnceLock<Mutex<Installation>> = OnceLock::new();
    let patient = PATIENT.get_or_init(|| Mutex::new(healthy()));
    patient.lock().unwrap_or_else(PoisonError::into_inner)
}

fn healthy() -> Installation {
    let mut it = Installation::start(&BINARY, |_| ()).unwrap();
    it.cluster.restart_api_server_with(&NODE_FLAGS).unwrap();
    let admin = it.cluster.admin().unwrap();
    // The harness gives this group all rights.
    admin.ok(&["delete", "clusterrolebinding", "everything-strangers"]).unwrap();
    // The gateway of the settings.
    admin.ok(&["create", "namespace", "istio-ingress"]).unwrap();
    admin.ok(&["create", "serviceaccount", "public", "-n", "istio-ingress"]).unwrap();
    let owners = json!({ "owners": [{ "kind": "Group", "name": "doctors" }] });
    admin.apply(&objects::tenant("doctor", &owners).to_string()).unwrap();
    let labels = json!({ "bulkhead.dev/tenant": "doctor", "istio-injection": "enabled" });
    let namespace = objects::labelled_namespace("tenant-doctor", &labels).to_string();
    until(|| admin.apply(&namespace).is_ok());
    wait_until_ready(&admin, "tenant-doctor");
    wait_for_default_account(&admin, "tenant-doctor");
    // The controller asks the injector every half minute.
    within(Duration::from_mins(2), || check(&it, "injector").0 == 0);
    it
}

fn settings(cluster: &Cluster) -> String {
    cluster.folder.join("settings.yaml").display().to_string()
}

/// Runs checks as a user: exit code, and the findings.
fn doctor_as(it: &Installation, kubectl: &Kubectl, arguments: &[&str]) -> (i32, Vec<Finding>) {
    let port = it.cluster.webhook_port.to_string();
    let arguments = [&["doctor", "-o", "json", "--port", &port], arguments].concat();
    let (code, said) = bulkhead_with(kubectl, &arguments, &settings(&it.cluster));
    let findings = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    (code, findings)
}

/// Runs one check as an administrator.
fn check(it: &Installation, check: &str) -> (i32, Vec<Finding>) {
    doctor_as(it, &it.cluster.admin().unwrap(), &["--checks", check])
}

fn severe(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding["severity"] != "info").collect()
}

/// A way to break the cluster, the check that must find it, and the way back.
struct Break {
    check: &'static str,
    severity: &'static str,
    /// A part of the object or the message.
    names: &'static str,
    harm: fn(&mut Installation),
    mend: fn(&mut Installation),
}

fn admin(it: &Installation) -> Kubectl {
    it.cluster.admin().unwrap()
}

fn register(it: &mut Installation) {
    let (settings, port) = (settings(&it.cluster), it.cluster.webhook_port.to_string());
    let bundle = it.cluster.folder.join("webhook-ca.crt").display().to_string();
    let arguments = ["webhooks", "--settings", &settings, "--port", &port, "--ca-bundle", &bundle];
    let kinds = format!("{VALIDATING},{MUTATING}");
    admin(it).ok(&["delete", &kinds, NAME, "--ignore-not-found"]).unwrap();
    admin(it).apply(&printed(&BINARY, &arguments).unwrap()).unwrap();
    until(|| check(it, "webhook-probe").0 == 0);
}

fn patch(it: &Installation, object: &[&str], patch: &Value) {
    let text = patch.to_string();
    admin(it).ok(&[&["patch"], object, &["--type=json", "-p", &text]].concat()).unwrap();
}

fn replace(pointer: &str, value: &Value) -> Value {
    json!([{ "op": "replace", "path": pointer, "value": value }])
}

fn apply(it: &Installation, object: &Value) {
    admin(it).apply(&object.to_string()).unwrap();
}

/// Gives a group a ClusterRole, which has this rule.
fn give(it: &Installation, group: &str, rule: &Value) {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let metadata = json!({ "name": "broken" });
    let version = format!("{RBAC}/v1");
    let cluster_role =
        json!({ "apiVersion": version, "kind": "ClusterRole", "metadata": metadata, "rules": [rule] });
    let binding = json!({
        "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": metadata,
        "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": "broken" },
        "subjects": [{ "apiGroup": RBAC, "kind": "Group", "name": group }],
    });
    apply(it, &cluster_role);
    apply(it, &binding);
}

fn take_away(it: &mut Installation) {
    admin(it).ok(&["delete", "clusterrole,clusterrolebinding", "broken"]).unwrap();
}

fn mesh_configuration(it: &Installation) -> String {
    let path = "jsonpath={.data.mesh}";
    admin(it).ok(&["get", "configmap", "istio", "-n", "istio-system", "-o", path]).unwrap()
}

fn set_mesh_configuration(it: &Installation, mesh: &str) {
    let configuration = ["configmap", "istio", "-n", "istio-system"];
    patch(it, &configuration, &replace("/data/mesh", &json!(mesh)));
}

/// A Secret with a certificate whose life has ended.
fn expired_secret() -> Value {
    let pair = Authority::new("expired").unwrap().expired_server(&["example.com"]).unwrap();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": "bulkhead-webhook-tls", "namespace": NAMESPACE },
        "stringData": { "tls.crt": pair.certificate, "tls.key": pair.key },
    })
}

/// A filter for no proxy that runs.
fn envoy_filter() -> Value {
    let filter = json!({ "filterChain": { "filter": { "name": "envoy.filters.network.rbac" } } });
    let patch = json!({
        "applyTo": "NETWORK_FILTER", "match": { "context": "SIDECAR_INBOUND", "listener": filter },
        "patch": { "operation": "REMOVE" },
    });
    let spec = json!({ "workloadSelector": { "labels": { "app": "none" } }, "configPatches": [patch] });
    object("networking.istio.io/v1alpha3", "EnvoyFilter", "istio-system", "broken", &spec)
}

const BREAKS: &[Break] = &[
    Break {
        check: "webhook-configuration",
        severity: "error",
        names: "MutatingWebhookConfiguration",
        harm: |it| drop(admin(it).ok(&["delete", MUTATING, NAME]).unwrap()),
        mend: register,
    },
    Break {
        check: "webhook-configuration",
        severity: "error",
        names: "failurePolicy: Ignore",
        harm: |it| patch(it, &[VALIDATING, NAME], &replace("/webhooks/1/failurePolicy", &json!("Ignore"))),
        mend: register,
    },
    Break {
        check: "webhook-configuration",
        severity: "error",
        names: "`objectSelector`",
        harm: |it| {
            let selector = json!({ "matchLabels": { "ask": "yes" } });
            patch(it, &[VALIDATING, NAME], &replace("/webhooks/1/objectSelector", &selector));
        },
        mend: register,
    },
    Break {
        check: "webhook-probe",
        severity: "error",
        names: "not by Bulkhead",
        harm: |it| {
            patch(it, &[VALIDATING, NAME], &replace("/webhooks/0/clientConfig/service/port", &json!(1)));
            until(|| check(it, "webhook-probe").0 == 1);
        },
        mend: register,
    },
    Break {
        check: "pod-probe",
        severity: "error",
        names: "counterfeit proxy was admitted",
        harm: |it| {
            admin(it).ok(&["delete", VALIDATING, NAME]).unwrap();
            until(|| check(it, "pod-probe").0 == 1);
        },
        mend: register,
    },
    Break {
        check: "webhook-certificate",
        severity: "error",
        names: "expired",
        harm: |it| apply(it, &expired_secret()),
        mend: |it| {
            drop(admin(it).ok(&["delete", "secret", "bulkhead-webhook-tls", "-n", NAMESPACE]).unwrap());
        },
    },
    Break {
        check: "privileged-accounts",
        severity: "error",
        names: "Group strangers",
        harm: |it| {
            let admission = ["admissionregistration.k8s.io"];
            let resources = ["validatingwebhookconfigurations"];
            give(
                it,
                "strangers",
                &json!({ "apiGroups": admission, "resources": resources, "verbs": ["delete"] }),
            );
        },
        mend: take_away,
    },
    Break {
        check: "tenant-kinds",
        severity: "warning",
        names: "helmreleases.helm.toolkit.fluxcd.io",
        harm: |it| {
            apply(it, &objects::schemaless_crd("helm.toolkit.fluxcd.io", "v2", "HelmRelease"));
            let groups = ["helm.toolkit.fluxcd.io"];
            give(it, "doctors", &json!({ "apiGroups": groups, "resources": ["*"], "verbs": ["create"] }));
            until(|| !severe(&check(it, "tenant-kinds").1).is_empty());
        },
        mend: |it| {
            take_away(it);
            admin(it).ok(&["delete", "crd", "helmreleases.helm.toolkit.fluxcd.io"]).unwrap();
        },
    },
    Break {
        check: "tenant-kinds",
        severity: "warning",
        names: "ClusterRole broken",
        harm: |it| {
            let labels = json!({ "bulkhead.dev/aggregate-to-tenant": "true" });
            let rule = json!({ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"] });
            apply(
                it,
                &json!({
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                    "metadata": { "name": "broken", "labels": labels }, "rules": [rule],
                }),
            );
        },
        mend: |it| drop(admin(it).ok(&["delete", "clusterrole", "broken"]).unwrap()),
    },
    Break {
        check: "installation",
        severity: "error",
        names: "ClusterRole bulkhead-tenant",
        harm: |it| {
            let selectors = json!([{ "matchLabels": { "bulkhead.dev/aggregate-to-tenant": "none" } }]);
            patch(
                it,
                &["clusterrole", "bulkhead-tenant"],
                &replace("/aggregationRule/clusterRoleSelectors", &selectors),
            );
        },
        mend: |it| drop(admin(it).apply(&printed(&BINARY, &["rbac"]).unwrap()).unwrap()),
    },
    Break {
        check: "installation",
        severity: "error",
        names: "ClusterRole bulkhead-controller",
        harm: |it| {
            patch(
                it,
                &["clusterrole", "bulkhead-controller"],
                &json!([{ "op": "remove", "path": "/rules/0" }]),
            );
        },
        mend: |it| drop(admin(it).apply(&printed(&BINARY, &["rbac"]).unwrap()).unwrap()),
    },
    Break {
        check: "controller-lease",
        severity: "error",
        names: "no controller leads",
        harm: |it| {
            it.controller.terminate().unwrap();
            it.controller.wait(Duration::from_secs(20)).unwrap();
        },
        mend: |it| {
            it.controller = controller(&it.cluster, &BINARY).unwrap();
            until(|| check(it, "controller-lease").0 == 0);
        },
    },
    Break {
        check: "injector",
        severity: "error",
        names: "revision default",
        harm: |it| {
            let path = "jsonpath={range .items[*]}{.metadata.name} {end}";
            let label = "app=sidecar-injector";
            let names = admin(it).ok(&["get", MUTATING, "-l", label, "-o", path]).unwrap();
            for name in names.split_whitespace() {
                let configuration = admin(it).ok(&["get", MUTATING, name, "-o", "json"]).unwrap();
                fs::write(it.cluster.folder.join(format!("{name}.injector")), configuration).unwrap();
                admin(it).ok(&["delete", MUTATING, name]).unwrap();
            }
        },
        mend: |it| {
            for entry in fs::read_dir(&it.cluster.folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "injector") {
                    let mut saved: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
                    let metadata = saved["metadata"].as_object_mut().unwrap();
                    metadata.retain(|field, _| ["name", "labels"].contains(&field.as_str()));
                    apply(it, &saved);
                }
            }
        },
    },
    Break {
        check: "mesh-configuration",
        severity: "warning",
        names: "trustDomainAliases",
        harm: |it| {
            let mesh = mesh_configuration(it);
            set_mesh_configuration(it, &format!("trustDomainAliases: [old.example.com]\n{mesh}"));
        },
        mend: |it| {
            let mesh = mesh_configuration(it);
            set_mesh_configuration(it, mesh.strip_prefix("trustDomainAliases: [old.example.com]\n").unwrap());
        },
    },
    Break {
        check: "istiod",
        severity: "error",
        names: "longer than names",
        harm: |it| {
            let variable = json!({ "name": "MAX_WORKLOAD_CERT_TTL", "value": "8760h" });
            let container = json!({ "name": "discovery", "image": "registry.istio.io/release/pilot:1.31.0", "env": [variable] });
            let labels = json!({ "app": "istiod" });
            let template = json!({ "metadata": { "labels": labels }, "spec": { "containers": [container] } });
            let spec = json!({ "replicas": 0, "selector": { "matchLabels": labels }, "template": template });
            apply(it, &object("apps/v1", "Deployment", "istio-system", "istiod", &spec));
        },
        mend: |it| drop(admin(it).ok(&["delete", "deployment", "istiod", "-n", "istio-system"]).unwrap()),
    },
    Break {
        check: "mesh-wide-policies",
        severity: "warning",
        names: "EnvoyFilter istio-system/broken",
        harm: |it| apply(it, &envoy_filter()),
        mend: |it| drop(admin(it).ok(&["delete", "envoyfilter", "broken", "-n", "istio-system"]).unwrap()),
    },
    Break {
        check: "declared-components",
        severity: "error",
        names: "ServiceAccount istio-ingress/public",
        harm: |it| {
            drop(admin(it).ok(&["delete", "serviceaccount", "public", "-n", "istio-ingress"]).unwrap());
        },
        mend: |it| {
            drop(admin(it).ok(&["create", "serviceaccount", "public", "-n", "istio-ingress"]).unwrap());
        },
    },
    Break {
        check: "network-plugin",
        severity: "error",
        names: "flannel",
        harm: |it| {
            let labels = json!({ "app": "flannel" });
            let container = json!({ "name": "flannel", "image": "ghcr.io/flannel-io/flannel:v0.27.0" });
            let template = json!({ "metadata": { "labels": labels }, "spec": { "containers": [container] } });
            let spec = json!({ "selector": { "matchLabels": labels }, "template": template });
            apply(it, &object("apps/v1", "DaemonSet", "kube-system", "flannel", &spec));
        },
        mend: |it| drop(admin(it).ok(&["delete", "daemonset", "flannel", "-n", "kube-system"]).unwrap()),
    },
    Break {
        check: "served-fields",
        severity: "warning",
        names: "`spec.brandNew`",
        harm: |it| {
            let field = json!({ "type": "string" });
            let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/brandNew";
            patch(
                it,
                &["crd", "sidecars.networking.istio.io"],
                &json!([{ "op": "add", "path": path, "value": field }]),
            );
            within(Duration::from_mins(1), || !severe(&check(it, "served-fields").1).is_empty());
        },
        mend: |it| {
            let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/brandNew";
            patch(it, &["crd", "sidecars.networking.istio.io"], &json!([{ "op": "remove", "path": path }]));
            within(Duration::from_mins(1), || severe(&check(it, "served-fields").1).is_empty());
        },
    },
    Break {
        check: "node-restriction",
        severity: "error",
        names: "NodeRestriction is off",
        harm: |it| it.cluster.restart_api_server_with(&["--authorization-mode=Node"]).unwrap(),
        mend: |it| {
            it.cluster.restart_api_server_with(&NODE_FLAGS).unwrap();
            until(|| check(it, "controller-lease").0 == 0);
        },
    },
];

#[test]
fn every_break_of_a_healthy_cluster_is_found() {
    let mut it = patient();
    let (code, findings) = doctor_as(&it, &admin(&it), &["--fail-on", "warn"]);
    assert_eq!((code, severe(&findings)), (0, Vec::<&Finding>::new()), "before any break");
    for harmed in BREAKS {
        let name = format!("{}: {}", harmed.check, harmed.names);
        (harmed.harm)(&mut it);
        let (code, findings) = check(&it, harmed.check);
        let is_named = |finding: &&Finding| {
            finding["severity"] == harmed.severity
                && finding["check"] == harmed.check
                && finding["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty())
                && ["object", "message"]
                    .iter()
                    .any(|field| finding[*field].as_str().is_some_and(|text| text.contains(harmed.names)))
        };
        assert!(findings.iter().any(|finding| is_named(&finding)), "{name}: {findings:#?}");
        assert_eq!(code, i32::from(harmed.severity == "error"), "{name}");
        (harmed.mend)(&mut it);
        let (code, findings) = check(&it, harmed.check);
        assert_eq!((code, severe(&findings)), (0, Vec::<&Finding>::new()), "{name}, mended");
    }
    let (code, findings) = doctor_as(&it, &admin(&it), &["--fail-on", "warn"]);
    assert_eq!((code, severe(&findings)), (0, Vec::<&Finding>::new()), "after all breaks");
}

/// Every check with a severity that fails is broken at least once, but those that need another cluster.
#[test]
fn every_check_has_a_break() {
    let elsewhere = ["api-server-version", "shadowing-policies", "waypoints"];
    for check in bulkhead::doctor::CHECKS.iter().filter(|check| !elsewhere.contains(&check.name)) {
        assert!(BREAKS.iter().any(|harmed| harmed.check == check.name), "{}", check.name);
    }
}

/// Runs one check as an administrator, as in an ambient mesh: the messages and objects of its errors and warnings.
fn ambient_check(it: &Installation, check: &str, denies: &str) -> Vec<String> {
    let file = it.cluster.folder.join("ambient-settings.yaml");
    let text = fs::read_to_string(settings(&it.cluster)).unwrap();
    let ambient = text.replace("\nmesh:\n", "\nmesh:\n  dataplane: Ambient\n");
    assert_ne!(ambient, text);
    fs::write(&file, ambient.replace("  manage: true\n", &format!("  manage: true\n{denies}"))).unwrap();
    let port = it.cluster.webhook_port.to_string();
    let arguments = ["doctor", "-o", "json", "--port", &port, "--checks", check];
    let (_, said) = bulkhead_with(&admin(it), &arguments, &file.display().to_string());
    let findings: Vec<Finding> = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let text = |finding: &Finding, field: &str| finding[field].as_str().unwrap().to_owned();
    let severe = findings.iter().filter(|finding| denies.is_empty() == (finding["severity"] != "info"));
    severe.map(|finding| format!("{}: {}", text(finding, "object"), text(finding, "message"))).collect()
}

fn istiod(image: &str, environment: &[(&str, &str)]) -> Value {
    let variables: Vec<Value> =
        environment.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let container = json!({ "name": "discovery", "image": image, "env": variables });
    let labels = json!({ "app": "istiod" });
    let template = json!({ "metadata": { "labels": labels }, "spec": { "containers": [container] } });
    let spec = json!({ "replicas": 0, "selector": { "matchLabels": labels }, "template": template });
    object("apps/v1", "Deployment", "istio-system", "istiod", &spec)
}

/// No istiod here programs a waypoint, so that each one is a finding.
#[test]
fn traps_of_an_ambient_mesh_are_found() {
    let it = patient();
    let one = |check: &str, expected: &[&str]| {
        let found = ambient_check(&it, check, "");
        let is_it = |text: &String| expected.iter().all(|part| text.contains(part));
        assert!(found.len() == 1 && found.iter().all(is_it), "{check}, {expected:?}: {found:#?}");
    };
    assert_eq!(ambient_check(&it, "waypoints", ""), [""; 0]);
    assert_eq!(ambient_check(&it, "declared-components", ""), [""; 0]);

    let with_waypoint = |object: Value| {
        objects::changed(object, |object| {
            object["metadata"]["labels"] = json!({ "istio.io/use-waypoint": "waypoint" });
        })
    };
    let spec = json!({ "ports": [{ "port": 80 }] });
    apply(&it, &with_waypoint(object("v1", "Service", "tenant-doctor", "web", &spec)));
    one("waypoints", &["Service tenant-doctor/web: names the waypoint `waypoint`", "istio.io/WaypointBound"]);
    admin(&it).ok(&["delete", "service", "web", "-n", "tenant-doctor"]).unwrap();

    let listener = json!({ "name": "mesh", "port": 15008, "protocol": "HBONE" });
    let spec = json!({ "gatewayClassName": "istio-waypoint", "listeners": [listener] });
    apply(&it, &object("gateway.networking.k8s.io/v1", "Gateway", "istio-ingress", "waypoint", &spec));
    one(
        "waypoints",
        &["Gateway istio-ingress/waypoint: is a waypoint that is not programmed", "Waiting for controller"],
    );
    admin(&it)
        .ok(&["delete", "gateways.gateway.networking.k8s.io", "waypoint", "-n", "istio-ingress"])
        .unwrap();

    let label = ["label", "namespace", "tenant-doctor"];
    admin(&it).ok(&[&label[..], &["istio.io/use-waypoint-namespace=istio-ingress"]].concat()).unwrap();
    one("waypoints", &["Namespace tenant-doctor: uses a waypoint of the namespace `istio-ingress`"]);
    admin(&it).ok(&[&label[..], &["istio.io/use-waypoint-namespace-"]].concat()).unwrap();

    let mesh = mesh_configuration(&it);
    one("mesh-configuration", &["serviceEntryVisibility"]);
    set_mesh_configuration(
        &it,
        &format!("serviceEntryVisibility: {{ defaultVisibility: NAMESPACE }}\n{mesh}"),
    );
    assert_eq!(ambient_check(&it, "mesh-configuration", ""), [""; 0]);
    set_mesh_configuration(&it, &mesh);

    let (new, old) = ("registry.istio.io/release/pilot:1.31.0", "registry.istio.io/release/pilot:1.23.0");
    let on = ("PILOT_ENABLE_AMBIENT", "true");
    let dry_run = ("AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY", "true");
    apply(&it, &istiod(old, &[on]));
    one("istiod", &["has version 1.23"]);
    apply(&it, &istiod(new, &[]));
    one("istiod", &["PILOT_ENABLE_AMBIENT"]);
    apply(&it, &istiod(new, &[on, dry_run]));
    one("istiod", &["older versions of ztunnel enforce"]);
    apply(&it, &istiod(new, &[on]));
    assert_eq!(ambient_check(&it, "istiod", ""), [""; 0]);
    let facts = ambient_check(&it, "istiod", "  denyAll: DryRun\n");
    assert!(facts.iter().any(|fact| fact.contains("sends no policies in a dry run to ztunnel")), "{facts:?}");
    admin(&it).ok(&["delete", "deployment", "istiod", "-n", "istio-system"]).unwrap();
}

#[test]
fn account_without_permissions_is_named() {
    let it = patient();
    let nobody = it.cluster.certified_user("doctor-nobody", "doctor-nobodies").unwrap();
    let (code, findings) =
        doctor_as(&it, &nobody, &["--checks", "privileged-accounts,node-restriction,network-plugin"]);
    assert_eq!(code, 3, "{findings:#?}");
    for finding in severe(&findings) {
        assert_eq!(finding["severity"], "unchecked", "{finding}");
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains("not checked: ") && message.contains("doctor-nobody"), "{message}");
    }
    assert_eq!(severe(&findings).len(), 3, "{findings:#?}");
}
