//! The life of an installation: every event after which Bulkhead reads or writes something in the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead::snapshot::{ReservedNames, reserved_names_config_maps};
use bulkhead_harness::program::NAMESPACE;
use serde_json::{Value, json};
use support::cluster::{jsonpath, wait_for_default_account};
use support::conditions::reason;
use support::objects::{changed, labelled_namespace, list, object, pod, shared_service, tenant};
use support::refusal::violations;
use support::wait::{until, within};

use super::installation::{FurtherKinds, Installation};

const HOME: &str = "tenant-acme";
const OBSERVED: &str = "tenant-later";
/// The controller writes reports twice a minute.
const ROUNDS: Duration = Duration::from_secs(100);
const REFERENCES: &str = "bulkhead-proxy-references";
const MANAGED: &str = "app.kubernetes.io/managed-by=bulkhead";
/// The kinds of the baseline's objects in every cluster.
const KINDS: &str = "networkpolicies,authorizationpolicies.security.istio.io,\
    peerauthentications.security.istio.io,sidecars.networking.istio.io,serviceentries.networking.istio.io,\
    envoyfilters.networking.istio.io,telemetries.telemetry.istio.io,resourcequotas,limitranges,rolebindings,\
    clusterroles,clusterrolebindings,prioritylevelconfigurations,flowschemas,\
    ciliumclusterwidenetworkpolicies.cilium.io";
const WAYPOINTS: &str = "gateways.gateway.networking.k8s.io";
/// The controller's name with every permission, so that the webhook admits a change of the baseline.
const CONTROLLER: [&str; 2] =
    ["--as=system:serviceaccount:bulkhead-system:bulkhead-controller", "--as-group=system:masters"];

const IMAGE: &str = "registry.example.com/import@sha256:\
                     0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const CREATE_DRY: [&str; 4] = ["create", "--dry-run=server", "-f", "-"];

pub(super) fn live(it: &Installation) {
    it.create_tenants();
    it.violate_a_rule();
    it.create_a_namespace_before_its_account();
    it.upgrade_the_mesh();
    it.use_exemptions();
    let [calico, admin] = FurtherKinds::First.resources();
    it.lose_labels(&format!("{KINDS},{calico},{admin}"));
    it.admin.ok(&["delete", "tenant", "brief"]).unwrap();
    it.until_gone(&format!("clusterroles,clusterrolebindings,flowschemas,{calico},{admin}"), "brief");
    it.correct_what_is_reported(FurtherKinds::First);

    it.set(FurtherKinds::Second, true);
    it.violate_a_rule();
    let [calico, admin] = FurtherKinds::Second.resources();
    until(|| [calico, admin].iter().all(|kind| it.managed(kind).iter().any(|name| name.ends_with("acme"))));
    until(|| !it.managed(WAYPOINTS).is_empty());
    it.lose_labels(&format!("{KINDS},{calico},{admin},{WAYPOINTS}"));
    it.correct_what_is_reported(FurtherKinds::Second);
    it.end_tenants(&format!("{calico},{admin},{WAYPOINTS}"));
}

/// For each ConfigMap of reserved names a namespace whose name is stored there.
fn reserved_namespaces() -> Vec<String> {
    let names = reserved_names_config_maps().map(|map| {
        let mut names = (0..).map(|number| format!("part-{number}"));
        let is_stored = |name: &String| {
            let data = BTreeMap::from([(format!("namespace.{name}"), name.clone())]);
            !ReservedNames::from_data(&data).part(&map).to_data().is_empty()
        };
        names.find(is_stored).unwrap()
    });
    names.collect()
}

fn owned(name: &str, more: &Value) -> Value {
    let owners = json!([{ "kind": "Group", "name": format!("{name}-developers") }]);
    changed(tenant(name, more), |tenant| tenant["spec"]["owners"] = owners)
}

impl Installation {
    /// Creates tenants, one of them with namespaces and a grant and one that is observed, and a shared service.
    fn create_tenants(&self) {
        let tenants = [
            owned("acme", &json!({ "grants": { "reach": { "hosts": ["api.example.com"] } } })),
            owned("brief", &json!({})),
            owned("later", &json!({ "enforcement": "Observe" })),
        ];
        self.admin.apply(&list(tenants).to_string()).unwrap();
        let of_tenant =
            |name: &str, tenant: &str| labelled_namespace(name, &json!({ "bulkhead.dev/tenant": tenant }));
        let reserved = reserved_namespaces();
        let namespaces = reserved.iter().map(|name| of_tenant(name, "later")).chain([
            of_tenant(HOME, "acme"),
            of_tenant(OBSERVED, "later"),
            labelled_namespace("shared-services", &json!({ "istio-injection": "enabled" })),
        ]);
        for namespace in namespaces {
            until(|| self.admin.apply(&namespace.to_string()).is_ok());
        }
        let spec = json!({
            "namespace": "shared-services", "selector": { "app": "logs" },
            "ports": [{ "port": 8080, "protocol": "HTTP" }],
        });
        self.admin.apply(&shared_service("logs", &spec).to_string()).unwrap();
        self.until_ready(HOME);
        until(|| !self.managed("envoyfilters.networking.istio.io").is_empty());
        for name in ["acme", "brief"] {
            until(|| reason(&self.admin, "tenant", name) == "Ready");
        }
        // The audit of the observed tenant.
        until(|| !jsonpath(&self.admin, &["tenant", "later"], "{.status.audit}").is_empty());
    }

    /// Creates a Service that the audit of the observed tenant finds.
    fn violate_a_rule(&self) {
        let spec = json!({ "ports": [{ "port": 80 }], "externalIPs": ["192.0.2.1"] });
        self.admin.apply(&object("v1", "Service", OBSERVED, "addressed", &spec).to_string()).unwrap();
    }

    /// Waits for the report of the Service, deletes the Service, and waits until the report is gone.
    fn correct_what_is_reported(&self, kinds: FurtherKinds) {
        let is_reported =
            || self.admin.run(&["get", kinds.report(), "bulkhead-audit", "-n", OBSERVED]).unwrap().success;
        within(ROUNDS, is_reported);
        self.admin.ok(&["delete", "service", "addressed", "-n", OBSERVED]).unwrap();
        within(ROUNDS, || !is_reported());
    }

    /// Creates a namespace while Kubernetes' controllers do nothing: Bulkhead creates the account `default` there, and the
    /// webhook looks the namespace up for a pod that is too early.
    fn create_a_namespace_before_its_account(&self) {
        let early = "tenant-acme-early";
        self.cluster.suspend_controllers().unwrap();
        let namespace = labelled_namespace(early, &json!({ "bulkhead.dev/tenant": "acme" }));
        self.admin.apply(&namespace.to_string()).unwrap();
        wait_for_default_account(&self.admin, early);
        let said = self.admin.feed(&CREATE_DRY, &pod(early).to_string()).unwrap();
        let refused = violations(&said.stderr);
        assert!(refused.iter().any(|(code, _)| *code == "BH203"), "{said:?}");
        self.cluster.resume_controllers().unwrap();
        self.until_ready(early);
    }

    /// The injector begins to write other proxies: the webhook learns one for a pod that has it, unless the controller was
    /// faster, and the controller publishes it.
    fn upgrade_the_mesh(&self) {
        until(|| self.admin.run(&["get", "configmap", REFERENCES, "-n", NAMESPACE]).unwrap().success);
        let of_injector = ["configmap", "istio-sidecar-injector", "-n", "istio-system"];
        let values = jsonpath(&self.admin, &of_injector, "{.data.values}");
        for version in ["1.31.1", "1.31.2", "1.31.3"] {
            let patch = json!({ "data": { "values": values.replace("1.31.0", version) } }).to_string();
            self.admin.ok(&[&["patch"], &of_injector[..], &["--type=merge", "-p", &patch]].concat()).unwrap();
            until(|| {
                let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
                let said = self.admin.feed(&create, &pod(HOME).to_string()).unwrap();
                said.success && said.stdout.contains(&format!(":{version}\""))
            });
            let is_learning = |event: &Value| {
                event["user"]["username"] == "system:serviceaccount:bulkhead-system:bulkhead"
                    && event["objectRef"]["resource"] == "pods"
            };
            if self.requests().iter().any(is_learning) {
                break;
            }
        }
    }

    /// Kubernetes' controllers create pods outside of the mesh for workloads that have an Exemption.
    fn use_exemptions(&self) {
        self.admin.ok(&["create", "serviceaccount", "import", "-n", HOME]).unwrap();
        let kinds = ["ReplicationController", "DaemonSet", "StatefulSet", "Deployment", "CronJob"];
        self.admin.apply(&list(kinds.map(exemption)).to_string()).unwrap();
        self.admin.apply(&list(workloads()).to_string()).unwrap();
        let cron_job = self.owner("CronJob", "cronjob", "import");
        let job = changed(
            object(
                "batch/v1",
                "Job",
                HOME,
                "import-1",
                &json!({ "suspend": true, "template": template("Never") }),
            ),
            |job| job["metadata"]["ownerReferences"] = json!([cron_job]),
        );
        self.admin.apply(&job.to_string()).unwrap();
        let of_deployment = ["replicasets", "-n", HOME, "-l", "app=import"];
        let replica_set = until(|| {
            Some(jsonpath(&self.admin, &of_deployment, "{.items[*].metadata.name}"))
                .filter(|it| !it.is_empty())
        });
        for (account, kind, resource, name) in [
            ("replication-controller", "ReplicationController", "replicationcontroller", "import"),
            ("daemon-set-controller", "DaemonSet", "daemonset", "import"),
            ("statefulset-controller", "StatefulSet", "statefulset", "import"),
            ("replicaset-controller", "ReplicaSet", "replicaset", replica_set.as_str()),
            ("job-controller", "Job", "job", "import-1"),
        ] {
            let owner = self.owner(kind, resource, name);
            let mut pod = template("Always");
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"] = json!({
                "name": format!("{resource}-pod"), "namespace": HOME, "ownerReferences": [owner],
                "labels": { "sidecar.istio.io/inject": "false" },
            });
            let user = format!("system:serviceaccount:kube-system:{account}");
            let user = self.cluster.user(&user, &[]).unwrap();
            until(|| user.feed(&CREATE_DRY, &pod.to_string()).unwrap().success);
        }
    }

    /// An owner reference to the controller of an object.
    fn owner(&self, kind: &str, resource: &str, name: &str) -> Value {
        let of_owner = [resource, name, "-n", HOME];
        let [version, uid] =
            ["{.apiVersion}", "{.metadata.uid}"].map(|path| jsonpath(&self.admin, &of_owner, path));
        json!({ "apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true })
    }

    /// Takes the label from all objects of these kinds, twice, and waits until each has it again.
    fn lose_labels(&self, kinds: &str) {
        for value in ["app.kubernetes.io/managed-by=other", "app.kubernetes.io/managed-by=another"] {
            let before = self.managed(kinds);
            let label = ["label", kinds, "-A", "-l", MANAGED, value, "--overwrite"];
            self.admin.ok(&[&label[..], &CONTROLLER].concat()).unwrap();
            until(|| self.managed(kinds) == before);
        }
    }

    /// Deletes the shared service, removes namespaces from their tenant, observes the other tenant, and turns the priority
    /// level off.
    fn end_tenants(&self, further_kinds: &str) {
        self.admin.ok(&["delete", "sharedservice", "logs"]).unwrap();
        let reserved = reserved_namespaces();
        let reserved: Vec<&str> = reserved.iter().map(String::as_str).collect();
        let labels = [&["label", "namespaces"], &reserved[..], &["bulkhead.dev/tenant-"]].concat();
        self.admin.ok(&labels).unwrap();
        let observe = json!({ "spec": { "enforcement": "Observe" } }).to_string();
        self.admin.ok(&["patch", "tenant", "acme", "--type=merge", "-p", &observe]).unwrap();
        let kinds = format!("{KINDS},{further_kinds}");
        until(|| self.managed(&kinds).iter().all(|name| name.contains("prioritylevel")));
        self.set(FurtherKinds::Second, false);
        until(|| self.managed(&kinds).is_empty());
    }

    /// Waits until the baseline of the namespace is applied.
    fn until_ready(&self, namespace: &str) {
        let condition = "--for=condition=bulkhead.dev/BaselineReady";
        let said = self.admin.run(&["wait", condition, "namespace", namespace, "--timeout=60s"]).unwrap();
        assert!(said.success, "{said:?}: {}", self.controller.log());
    }

    /// The objects of these kinds with Bulkhead's label.
    fn managed(&self, kinds: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .admin
            .ok(&["get", kinds, "-A", "-l", MANAGED, "-o", "name"])
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    /// Waits until no object of these kinds has a name that ends with this.
    fn until_gone(&self, kinds: &str, end: &str) {
        until(|| !self.managed(kinds).iter().any(|name| name.ends_with(end)));
    }
}

fn exemption(kind: &str) -> Value {
    json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Exemption",
        "metadata": { "name": format!("import-{}", kind.to_lowercase()) },
        "spec": {
            "rules": ["BH301", "BH302"], "reason": "the image cannot run with a proxy",
            "expires": "2100-01-01T00:00:00Z",
            "target": {
                "namespace": HOME, "kind": kind, "name": "import", "serviceAccount": "import",
                "images": [IMAGE],
            },
        },
    })
}

fn template(restart: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "import" } },
        "spec": {
            "restartPolicy": restart, "serviceAccountName": "import", "automountServiceAccountToken": false,
            "containers": [{ "name": "import", "image": IMAGE }],
        },
    })
}

/// A workload of each kind that creates pods, and now creates none.
fn workloads() -> [Value; 5] {
    let pods = json!({ "selector": { "matchLabels": { "app": "import" } }, "template": template("Always") });
    let with = |spec: &Value, more: Value| {
        changed(spec.clone(), |spec| spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone()))
    };
    let none = with(&pods, json!({ "replicas": 0 }));
    let job = json!({ "spec": { "template": template("Never") } });
    let cron_job = json!({ "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": job });
    [
        object(
            "v1",
            "ReplicationController",
            HOME,
            "import",
            &with(&none, json!({ "selector": { "app": "import" } })),
        ),
        object("apps/v1", "DaemonSet", HOME, "import", &pods),
        object("apps/v1", "StatefulSet", HOME, "import", &with(&none, json!({ "serviceName": "import" }))),
        object("apps/v1", "Deployment", HOME, "import", &none),
        object("batch/v1", "CronJob", HOME, "import", &cron_job),
    ]
}
