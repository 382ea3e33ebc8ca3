use bulkhead::settings::{PROBE_NAMESPACE, SETTINGS_CONFIG_MAP, SETTINGS_KEY, Settings};
use bulkhead_harness::cluster::{Cluster, free_ports};
use bulkhead_harness::components;
use bulkhead_harness::istio::{self, Istio};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{
    NAMESPACE, Server, controller_with, endpoints, prepare, service, webhook_with,
};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{is_enforced, wait_for_default_account};
use support::objects::{changed, list, schemaless_crd};
use support::wait::until;

/// Records each request of the two accounts, with the body where Kubernetes asks for further permissions because of it.
const AUDITED: &str = r"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Request
    users: &accounts
      - system:serviceaccount:bulkhead-system:bulkhead
      - system:serviceaccount:bulkhead-system:bulkhead-controller
    verbs: [create, update]
    resources: [{ group: rbac.authorization.k8s.io }, { group: admissionregistration.k8s.io }]
  - level: Metadata
    users: *accounts
";

/// Lifetimes in seconds, so short that the CA and the certificate are rotated at once.
const CA_LIFETIME: &str = "48";
const CERTIFICATE_LIFETIME: &str = "30";

/// A cluster that serves every kind that Bulkhead knows, and Bulkhead in it as docs/install.md says.
pub(super) struct Installation {
    pub(super) cluster: Cluster,
    pub(super) admin: Kubectl,
    _webhook: Server,
    pub(super) controller: Process,
    _istio: Istio,
}

/// The kinds of other projects that Bulkhead writes: network policies beside those of Kubernetes, and reports.
#[derive(Clone, Copy)]
pub(super) enum FurtherKinds {
    /// The policies that Calico's API server serves, SIG Network's first kind, and the reports of OpenReports.
    First,
    /// Calico's custom resources, SIG Network's second kind, and PolicyReports. In an ambient mesh, with waypoints.
    Second,
}

impl FurtherKinds {
    /// The kind of the reports.
    pub(super) const fn report(self) -> &'static str {
        match self {
            Self::First => "reports.openreports.io",
            Self::Second => "policyreports.wgpolicyk8s.io",
        }
    }

    fn report_version(self) -> &'static str {
        match self {
            Self::First => "openreports.io/v1alpha1",
            Self::Second => "wgpolicyk8s.io/v1alpha2",
        }
    }

    fn network(self) -> Value {
        let (calico, admin) = match self {
            Self::First => ("projectcalico.org/v3", "v1alpha1"),
            Self::Second => ("crd.projectcalico.org/v1", "v1alpha2"),
        };
        let admin = format!("policy.networking.k8s.io/{admin}");
        json!({ "calico": calico, "adminNetworkPolicy": admin, "cilium": true })
    }

    /// The resources of the network policies.
    pub(super) const fn resources(self) -> [&'static str; 2] {
        match self {
            Self::First => {
                ["globalnetworkpolicies.projectcalico.org", "adminnetworkpolicies.policy.networking.k8s.io"]
            }
            Self::Second => [
                "globalnetworkpolicies.crd.projectcalico.org",
                "clusternetworkpolicies.policy.networking.k8s.io",
            ],
        }
    }
}

impl Installation {
    /// Installs everything. The API server refuses writes that the webhook does not judge when this returns.
    pub(super) fn start() -> Self {
        components::build_istio().unwrap();
        let plugin = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement";
        let cluster = Cluster::start_audited(AUDITED, &[plugin]).unwrap();
        let admin = cluster.admin().unwrap();
        serve_kinds(&admin);
        istio::create_namespace(&cluster).unwrap();
        prepare(&cluster, &BINARY).unwrap();
        let [port] = free_ports().unwrap();
        admin.apply(&endpoints().to_string()).unwrap();
        admin.apply(&service(port).to_string()).unwrap();
        let istio = Istio::start(&cluster).unwrap();
        set(&admin, FurtherKinds::First, true);
        // Without it the dry runs there fail.
        wait_for_default_account(&admin, PROBE_NAMESPACE);

        let settings = ["--settings-config-map", SETTINGS_CONFIG_MAP];
        let own = ["--certificates", "self-managed"];
        let webhook = webhook_with(&cluster, &BINARY, port, &[settings, own].concat()).unwrap();
        let port = port.to_string();
        let lifetimes = [["--ca-lifetime", CA_LIFETIME], ["--certificate-lifetime", CERTIFICATE_LIFETIME]];
        let arguments = [&[settings, own, ["--port", &port]], &lifetimes[..]].concat().concat();
        let controller = controller_with(&cluster, &BINARY, &arguments).unwrap();
        until(|| is_enforced(&admin));
        Self { cluster, admin, _webhook: webhook, controller, _istio: istio }
    }

    /// Writes the settings of the installation.
    pub(super) fn set(&self, kinds: FurtherKinds, api_fairness: bool) {
        set(&self.admin, kinds, api_fairness);
    }

    /// The requests of the two accounts so far.
    pub(super) fn requests(&self) -> Vec<Value> {
        self.cluster.audited("system:serviceaccount:bulkhead-system:").unwrap()
    }
}

fn set(admin: &Kubectl, kinds: FurtherKinds, api_fairness: bool) {
    let dataplane = match kinds {
        FurtherKinds::First => "Sidecar",
        FurtherKinds::Second => "Ambient",
    };
    let settings = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Settings",
        "mesh": { "dataplane": dataplane },
        "platform": { "sharedNamespaces": ["shared-services"] },
        "network": kinds.network(),
        "audit": { "reports": kinds.report_version() },
        "baseline": { "apiFairness": api_fairness },
    });
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": SETTINGS_CONFIG_MAP, "namespace": NAMESPACE },
        "data": { SETTINGS_KEY: settings.to_string() },
    });
    admin.apply(&map.to_string()).unwrap();
}

/// Serves the kinds of network plugins and operators that Bulkhead knows, with any fields.
fn serve_kinds(admin: &Kubectl) {
    let settings = Settings::default();
    let mut kinds: Vec<Value> = settings
        .custom_kinds()
        .map(|(_, [group, kind, resource])| crd([group, "v1", kind, resource], "Namespaced"))
        .collect();
    for (group, version, kind, resource) in [
        ("projectcalico.org", "v3", "GlobalNetworkPolicy", "globalnetworkpolicies"),
        ("crd.projectcalico.org", "v1", "GlobalNetworkPolicy", "globalnetworkpolicies"),
        ("cilium.io", "v2", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies"),
    ] {
        kinds.push(crd([group, version, kind, resource], "Cluster"));
    }
    let kinds = list(kinds).to_string();
    admin.apply(&kinds).unwrap();
    let wait = ["wait", "--for=condition=Established", "-f", "-", "--timeout=30s"];
    until(|| admin.feed(&wait, &kinds).unwrap().success);
    for source in [
        &components::ADMIN_NETWORK_POLICIES,
        &components::CLUSTER_NETWORK_POLICIES,
        &components::REPORTS,
        &components::POLICY_REPORTS,
    ] {
        source.serve(admin).unwrap();
    }
}

fn crd([group, version, kind, resource]: [&str; 4], scope: &str) -> Value {
    changed(schemaless_crd(group, version, kind), |crd| {
        crd["metadata"]["name"] = json!(format!("{resource}.{group}"));
        crd["spec"]["names"]["plural"] = json!(resource);
        crd["spec"]["scope"] = json!(scope);
    })
}
