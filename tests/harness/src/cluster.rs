//! A Kubernetes control plane on loopback: etcd, API server, controllers; no nodes.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::kubectl::Kubectl;
use crate::pki::{Authority, Pair};
use crate::process::Process;
use crate::program::SERVER_NAME;
use crate::{components, guard, tools, wire};

pub struct Cluster {
    pub folder: PathBuf,
    pub server: String,
    /// The port under which the API server shows the webhook its certificate.
    pub webhook_port: u16,
    etcd_url: String,
    services: Services,
    /// Further flags of the API server.
    api_flags: Vec<String>,
    authority: Authority,
    users: Mutex<BTreeMap<String, Kubectl>>,
    api: Option<Process>,
    controllers: Option<Process>,
    _etcd: Option<Process>,
}

/// The controllers that the tests need. With the default ones, thousands of namespaces would take minutes.
const CONTROLLERS: &str = "--controllers=namespace-controller,serviceaccount-controller,serviceaccount-token-controller,\
    root-ca-certificate-publisher-controller,garbage-collector-controller,deployment-controller,replicaset-controller,\
    statefulset-controller,daemonset-controller,job-controller,cronjob-controller,resourcequota-controller,\
    clusterrole-aggregation-controller,disruption-controller";
/// The treatment of Services.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Services {
    /// Each test writes their EndpointSlices itself.
    Unmanaged,
    /// A controller lists their ready pods.
    Managed,
    /// The same, and the API server calls them through [`SERVICES_SOCKET`].
    Called,
}

/// The socket of the proxy through which the API server calls Services, if the cluster has nodes.
pub(crate) const SERVICES_SOCKET: &str = "services.socket";
/// The controller that lists the ready pods of each Service.
const SERVICE_CONTROLLERS: &str = ",endpointslice-controller";

/// The audit policy: every write of Bulkhead's accounts except their lease, every write of break-glass users and of one
/// tenant's members, and the pods that the job controller creates.
const AUDITED: &str = r"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    resources: [{ group: coordination.k8s.io }]
  - level: Metadata
    users:
      - system:serviceaccount:bulkhead-system:bulkhead
      - system:serviceaccount:bulkhead-system:bulkhead-controller
    verbs: [create, update, patch, delete, deletecollection]
  - level: Metadata
    userGroups: [firefighters, audited-developers]
    verbs: [create, update, patch, delete, deletecollection]
  - level: Metadata
    users: [system:serviceaccount:kube-system:job-controller]
    verbs: [create]
    resources: [{ group: '', resources: [pods] }]
";

/// The CA of the API server as a caller of the webhook, and the API server's certificate.
pub const CALLERS_CA: &str = "callers-ca.crt";
const CALLER: &str = "caller";

impl Cluster {
    pub fn start() -> Result<Self> {
        Self::start_with(Services::Unmanaged, AUDITED, &[])
    }

    /// Starts a control plane with the controller that lists the ready pods of each Service.
    pub fn start_with_endpoints() -> Result<Self> {
        Self::start_with(Services::Managed, AUDITED, &[])
    }

    /// Starts a control plane with another audit policy and further flags of the API server.
    pub fn start_audited(policy: &str, flags: &[&str]) -> Result<Self> {
        Self::start_with(Services::Unmanaged, policy, flags)
    }

    /// Starts a control plane for [`Nodes`](crate::nodes::Nodes): the API server calls Services through the HTTP proxy at
    /// [`SERVICES_SOCKET`].
    pub(crate) fn start_for_nodes() -> Result<Self> {
        Self::start_with(Services::Called, AUDITED, &[])
    }

    fn start_with(services: Services, audit_policy: &str, flags: &[&str]) -> Result<Self> {
        tools::require(&[&tools::GO])?;
        let folder = folder("cluster")?;
        let [etcd_port, peer_port, api_port, controller_port, webhook_port] = free_ports()?;
        let etcd_url = format!("http://127.0.0.1:{etcd_port}");
        let peer_url = format!("http://127.0.0.1:{peer_port}");
        let server = format!("https://127.0.0.1:{api_port}");

        let etcd = Process::start(
            "etcd",
            &folder,
            components::kubernetes("etcd")?.arg("--data-dir").arg(folder.join("etcd")).args([
                "--unsafe-no-fsync",
                "--log-level=error",
                &format!("--listen-client-urls={etcd_url}"),
                &format!("--advertise-client-urls={etcd_url}"),
                &format!("--listen-peer-urls={peer_url}"),
                &format!("--initial-advertise-peer-urls={peer_url}"),
                &format!("--initial-cluster=default={peer_url}"),
            ]),
        )?;

        let authority = Authority::new("test-control-plane")?;
        let serving = authority.server(&["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
        write_pair(&folder, "server", &serving)?;
        fs::write(folder.join("ca.crt"), &authority.certificate)?;
        let signing = authority.client("service-account-signer", None)?;
        write_pair(&folder, "signer", &signing)?;
        fs::write(folder.join("audit.yaml"), audit_policy)?;
        write_admission_configuration(&folder, webhook_port)?;

        let mut cluster = Self {
            folder,
            server,
            webhook_port,
            etcd_url,
            services,
            api_flags: flags.iter().map(ToString::to_string).collect(),
            authority,
            users: Mutex::default(),
            api: None,
            controllers: None,
            _etcd: None,
        };
        cluster.start_api_server(api_port)?;

        // Before the controllers: for kinds that are created later, quotas count objects only after half a minute.
        let mut kinds = vec![components::istio_file(components::ISTIO_CRDS)?];
        for file in components::GATEWAY_API_CRDS {
            kinds.push(components::gateway_api_file(file)?);
        }
        for source in &components::MONITORING_CRDS {
            kinds.push(source.file()?);
        }
        let read =
            |file: &PathBuf| fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
        let kinds: Vec<String> = kinds.iter().map(read).collect::<Result<_>>()?;
        cluster.admin()?.apply(&kinds.join("\n---\n"))?;
        // It ends at once if the API server has not yet created the bootstrap RBAC.
        let config = cluster.certified("system:kube-controller-manager", None, &json!({}))?.kubeconfig;
        let config = config.display();
        let controllers = components::kubernetes("kube-controller-manager")?
            .args([
                format!("--kubeconfig={config}"),
                format!("--authentication-kubeconfig={config}"),
                format!("--authorization-kubeconfig={config}"),
                format!("--service-account-private-key-file={}", cluster.folder.join("signer.key").display()),
                format!("--root-ca-file={}", cluster.folder.join("ca.crt").display()),
                format!("--cert-dir={}", cluster.folder.join("controllers").display()),
                format!("--secure-port={controller_port}"),
            ])
            .args([
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
                &format!("{CONTROLLERS}{}", services.controllers()),
            ])
            .started("kube-controller-manager", &cluster.folder)?;
        (cluster.controllers, cluster._etcd) = (Some(controllers), Some(etcd));
        Ok(cluster)
    }

    fn start_api_server(&mut self, port: u16) -> Result<()> {
        let file = |flag: &str, name: &str| format!("{flag}={}", self.folder.join(name).display());
        let mut command = components::kubernetes("kube-apiserver")?;
        if self.services == Services::Called {
            let configuration = self.folder.join("egress.json");
            let socket = self.folder.join(SERVICES_SOCKET);
            fs::write(&configuration, egress_configuration(&socket).to_string())?;
            command.arg("--egress-selector-config-file").arg(configuration);
        }
        let mut api = command
            .args([
                file("--tls-cert-file", "server.crt"),
                file("--tls-private-key-file", "server.key"),
                file("--client-ca-file", "ca.crt"),
                file("--service-account-key-file", "signer.crt"),
                file("--service-account-signing-key-file", "signer.key"),
                file("--cert-dir", "api"),
                file("--audit-policy-file", "audit.yaml"),
                file("--audit-log-path", "audit.log"),
                file("--admission-control-config-file", "admission.json"),
                format!("--etcd-servers={}", self.etcd_url),
                format!("--secure-port={port}"),
            ])
            .args([
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--authorization-mode=RBAC",
                "--allow-privileged=true",
                "--anonymous-auth=false",
                "--endpoint-reconciler-type=none",
            ])
            .args(&self.api_flags)
            .started("kube-apiserver", &self.folder)?;
        let admin = self.admin()?;
        api.wait_for(Duration::from_secs(60), |_| {
            admin.run(&["get", "--raw", "/readyz"]).is_ok_and(|said| said.success).then_some(())
        })?;
        self.api = Some(api);
        Ok(())
    }

    /// The certificate that the API server shows the webhook.
    pub fn caller(&self) -> Result<Pair> {
        let read = |file: &str| fs::read_to_string(self.folder.join(format!("{CALLER}.{file}")));
        Ok(Pair { certificate: read("crt")?, key: read("key")? })
    }

    /// Starts the API server again with these flags beside the usual ones, and none of earlier calls.
    pub fn restart_api_server_with(&mut self, flags: &[&str]) -> Result<()> {
        self.api_flags = flags.iter().map(ToString::to_string).collect();
        self.restart_api_server()
    }

    /// Stops the API server and starts it again on the same store; ready when this returns.
    pub fn restart_api_server(&mut self) -> Result<()> {
        let port = self.server.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?;
        drop(self.api.take());
        self.start_api_server(port)
    }

    /// Stops Kubernetes' controllers until they are resumed.
    pub fn suspend_controllers(&self) -> Result<()> {
        self.controllers.as_ref().context("the controllers run")?.suspend()
    }

    pub fn resume_controllers(&self) -> Result<()> {
        self.controllers.as_ref().context("the controllers run")?.resume()
    }

    /// Removes the history of etcd: no watch can go on from an earlier state.
    pub fn compact_etcd(&self) -> Result<()> {
        let etcd: SocketAddr = self.etcd_url.trim_start_matches("http://").parse()?;
        let newest = wire::post(etcd, "/v3/kv/range", &json!({ "key": base64("/") }))?;
        let newest: serde_json::Value = serde_json::from_str(&newest.body)?;
        let request = json!({ "revision": newest["header"]["revision"], "physical": true });
        let answer = wire::post(etcd, "/v3/kv/compaction", &request)?;
        ensure!(answer.status == 200, "etcd answers {}: {}", answer.status, answer.body);
        Ok(())
    }

    /// Processor time of the API server so far.
    pub fn api_server_time(&self) -> Result<Duration> {
        self.api.as_ref().context("the API server runs")?.processor_time()
    }

    /// The audit events of users whose names begin with `user`.
    pub fn audited(&self, user: &str) -> Result<Vec<serde_json::Value>> {
        let log = fs::read_to_string(self.folder.join("audit.log"))?;
        let events = log.lines().map(|line| serde_json::from_str(line).context("an audit event"));
        let is_by = |event: &serde_json::Value| {
            event["user"]["username"].as_str().is_some_and(|name| name.starts_with(user))
        };
        events.filter(|event| event.as_ref().map_or(true, is_by)).collect()
    }

    /// kubectl as a cluster administrator.
    pub fn admin(&self) -> Result<Kubectl> {
        self.certified("admin", Some("system:masters"), &json!({}))
    }

    /// kubectl as a user in these groups; the administrator impersonates it.
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<Kubectl> {
        self.certified("admin", Some("system:masters"), &json!({ "as": name, "as-groups": groups }))
    }

    /// kubectl as a user to whom RBAC allows everything and who does not act for the platform.
    pub fn powerful(&self, user: &str, group: &str) -> Result<Kubectl> {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": format!("everything-{group}") },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group }],
        });
        self.admin()?.apply(&binding.to_string())?;
        let user = self.user(user, &[group])?;
        // The authorizer learns of the binding a moment later.
        let end = Instant::now() + Duration::from_secs(30);
        while !user.run(&["auth", "can-i", "*", "*"])?.success {
            ensure!(Instant::now() < end, "RBAC does not allow the group `{group}` everything");
        }
        Ok(user)
    }

    /// kubectl as a user in a group, with a client certificate: the audit log names the authenticated user.
    pub fn certified_user(&self, name: &str, group: &str) -> Result<Kubectl> {
        self.certified(name, Some(group), &json!({}))
    }

    /// kubectl with a client certificate for a user in a group, and with more fields of the kubeconfig's user.
    fn certified(&self, name: &str, group: Option<&str>, more: &serde_json::Value) -> Result<Kubectl> {
        let key = match more["as"].as_str() {
            Some(user) => format!("{user}-{}", more["as-groups"]),
            None => name.to_owned(),
        };
        let mut users = self.users.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = users.get(&key) {
            return Ok(known.clone());
        }
        let pair = self.authority.client(name, group)?;
        let mut credentials = more.clone();
        credentials["client-certificate-data"] = base64(&pair.certificate).into();
        credentials["client-key-data"] = base64(&pair.key).into();
        let kubectl = self.kubeconfig(&key, &credentials)?;
        users.insert(key, kubectl.clone());
        Ok(kubectl)
    }

    /// kubectl as a service account, with a token of three hours.
    pub fn service_account(&self, namespace: &str, name: &str) -> Result<Kubectl> {
        let token = self.admin()?.ok(&["create", "token", name, "-n", namespace, "--duration=3h"])?;
        self.kubeconfig(&format!("{namespace}-{name}"), &json!({ "token": token.trim() }))
    }

    /// A script that runs kubectl, for people: the machine's own kubectl may be too old for this server.
    pub fn kubectl_script(&self) -> Result<PathBuf> {
        let script = self.folder.join("kubectl");
        let command = components::kubernetes("kubectl")?;
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        let words: Vec<_> = words.iter().map(|word| format!("'{}'", word.display())).collect();
        fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")))?;
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(script)
    }

    fn kubeconfig(&self, name: &str, credentials: &serde_json::Value) -> Result<Kubectl> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": self.server, "certificate-authority-data": base64(&self.authority.certificate),
            }}],
            "users": [{ "name": "test", "user": credentials }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        });
        let kubeconfig = self.folder.join(format!(
            "{}.kubeconfig",
            name.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-', "")
        ));
        fs::write(&kubeconfig, config.to_string())?;
        Ok(Kubectl { kubeconfig })
    }
}

impl Services {
    /// Further controllers.
    fn controllers(self) -> &'static str {
        if self == Self::Unmanaged { "" } else { SERVICE_CONTROLLERS }
    }
}

/// Writes the configuration with which the API server calls the webhook on `port` with a certificate, in JSON as the
/// documentation has it in YAML. The webhook trusts the CA in `CALLERS_CA`.
fn write_admission_configuration(folder: &Path, port: u16) -> Result<()> {
    let callers = Authority::new("test-webhook-callers")?;
    fs::write(folder.join(CALLERS_CA), &callers.certificate)?;
    write_pair(folder, CALLER, &callers.client("kube-apiserver", None)?)?;
    let file = |name: &str| folder.join(name).display().to_string();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config",
        "users": [{ "name": format!("{SERVER_NAME}:{port}"), "user": {
            "client-certificate": file(&format!("{CALLER}.crt")), "client-key": file(&format!("{CALLER}.key")),
        }}],
    });
    fs::write(folder.join("webhooks.kubeconfig"), kubeconfig.to_string())?;
    let plugin = |name: &str| {
        json!({ "name": name, "configuration": {
            "apiVersion": "apiserver.config.k8s.io/v1", "kind": "WebhookAdmissionConfiguration",
            "kubeConfigFile": file("webhooks.kubeconfig"),
        }})
    };
    let plugins = ["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"].map(plugin);
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins,
    });
    fs::write(folder.join("admission.json"), configuration.to_string()).context("writing admission.json")
}

/// The configuration with which the API server opens connections to Services through an HTTP proxy.
fn egress_configuration(socket: &Path) -> serde_json::Value {
    let transport = json!({ "uds": { "udsName": socket.display().to_string() } });
    json!({
        "apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration",
        "egressSelections": [{
            "name": "cluster", "connection": { "proxyProtocol": "HTTPConnect", "transport": transport },
        }],
    })
}

/// A new folder that is removed when this process ends.
pub fn folder(name: &str) -> Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix(&format!("bulkhead-{name}-")).tempdir()?.keep();
    guard::remove_with_us(&folder);
    Ok(folder)
}

/// Free ports of the loopback address.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Writes `NAME.crt` and `NAME.key`.
pub fn write_pair(folder: &Path, name: &str, pair: &Pair) -> Result<()> {
    fs::write(folder.join(format!("{name}.crt")), &pair.certificate)?;
    fs::write(folder.join(format!("{name}.key")), &pair.key).context("writing a key")
}

trait Started {
    fn started(&mut self, name: &str, folder: &Path) -> Result<Process>;
}

impl Started for Command {
    fn started(&mut self, name: &str, folder: &Path) -> Result<Process> {
        Process::start(name, folder, self)
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
