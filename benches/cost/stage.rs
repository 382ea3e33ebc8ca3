//! A control plane in which every variant has a namespace of its own. The namespaces belong to one tenant and have the
//! same baseline, so that requests differ in nothing but their admission.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_harness::cluster::{Cluster, write_pair};
use bulkhead_harness::istio;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server, controller, endpoints, prepare};
use kube::Client;
use serde_json::{Value, json};
use support::api::{client, request};
use support::cluster::{wait_for_default_account, wait_until_ready};
use support::objects::{changed, labelled_namespace, tenant};
use support::wait::within;
use tokio::runtime::Runtime;

use crate::registration::{Calls, LABEL, calls, create_service, register};
use crate::variant::Variant;
use crate::{BINARY, null_webhook, pod};

const TENANT: &str = "cost";
const MEMBERS: &str = "cost-developers";

pub(crate) struct Stage {
    pub(crate) runtime: Runtime,
    pub(crate) cluster: Cluster,
    pub(crate) admin: Client,
    /// A member of the tenant, to whom RBAC allows everything.
    pub(crate) member: Client,
    pub(crate) variants: Vec<Variant>,
    webhooks: Vec<(Variant, Process)>,
}

/// Processor time of two processes.
#[derive(Clone, Copy, Default)]
pub(crate) struct ProcessorTime {
    pub(crate) api_server: Duration,
    pub(crate) webhook: Duration,
}

impl Stage {
    pub(crate) fn start(runtime: Runtime) -> Self {
        let variants = Variant::all();
        let cluster = Cluster::start().expect("a cluster");
        istio::create_namespace(&cluster).expect("the mesh's namespace");
        prepare(&cluster, BINARY.as_ref()).expect("Bulkhead's kinds");
        let kubectl = cluster.admin().expect("an administrator");
        kubectl.apply(&endpoints().to_string()).expect("endpoints");
        create_namespaces(&cluster, &kubectl, &variants);
        let member = user(&runtime, &cluster, "cost-alice", MEMBERS);
        let admin = runtime.block_on(client(&kubectl));
        let mut stage = Self { runtime, cluster, admin, member, variants, webhooks: Vec::new() };
        stage.start_webhooks();
        stage.wait_until_registered();
        stage
    }

    /// Starts the webhooks and registers them.
    fn start_webhooks(&mut self) {
        let authority = Authority::new("test-webhook").expect("a CA");
        let pair = authority.server(&[SERVER_NAME]).expect("a certificate");
        write_pair(&self.cluster.folder, "webhook", &pair).expect("written");
        let bundle = self.cluster.folder.join("webhook-ca.crt");
        std::fs::write(bundle, &authority.certificate).expect("written");
        create_service(&self.cluster, self.cluster.webhook_port);
        for variant in self.variants.clone() {
            let (process, address) = match variant {
                Variant::NoWebhook | Variant::Policy => (None, None),
                Variant::NullWebhook => {
                    let (process, address) = null_webhook::start(&self.cluster.folder);
                    (Some(process), Some(address))
                }
                Variant::Bulkhead | Variant::OldBulkhead => {
                    let server = bulkhead(&self.cluster, variant);
                    (Some(server.process), Some(server.webhook))
                }
            };
            self.webhooks.extend(process.map(|process| (variant, process)));
            register(&self.cluster, variant, address);
        }
    }

    /// Waits until a pod in each namespace meets the admission of its variant, and no other.
    fn wait_until_registered(&self) {
        within(Duration::from_mins(1), || {
            self.variants.iter().all(|variant| {
                let before = self.calls();
                self.create_pod(*variant, &injected_pod(*variant)).expect("a pod");
                let after = self.calls();
                let called = self.variants.iter().filter(|other| {
                    let made = |all: &BTreeMap<String, Calls>| all.get(other.name()).map(|calls| calls.made);
                    made(&before) != made(&after)
                });
                let has_webhook = self.webhooks.iter().any(|(other, _)| other == variant);
                let expected = if has_webhook { vec![variant] } else { Vec::new() };
                called.collect::<Vec<_>>() == expected
            })
        });
        let shares_network =
            changed(injected_pod(Variant::Policy), |pod| pod["spec"]["hostNetwork"] = true.into());
        within(Duration::from_mins(1), || {
            let refused = self.create_pod(Variant::Policy, &shares_network);
            refused.is_err_and(|error| error.to_string().contains("cost-policy"))
        });
    }

    /// Creates a pod as a dry run.
    fn create_pod(&self, variant: Variant, pod: &Value) -> Result<String, kube::Error> {
        let create = request("POST", &pods(variant), "json", pod);
        self.runtime.block_on(self.member.request_text(create))
    }

    /// Returns the calls of each variant's webhooks so far.
    pub(crate) fn calls(&self) -> BTreeMap<String, Calls> {
        let metrics = self.admin.request_text(request("GET", "/metrics", "json", &Value::Null));
        calls(&self.runtime.block_on(metrics).expect("the API server's metrics"))
    }

    /// Returns the processor time so far of the API server, and of the webhook of a variant.
    pub(crate) fn processor_time(&self, variant: Variant) -> ProcessorTime {
        let process = self.webhooks.iter().find(|(other, _)| *other == variant).map(|(_, process)| process);
        ProcessorTime {
            api_server: self.cluster.api_server_time().expect("the API server's time"),
            webhook: process.map_or(Duration::ZERO, |process| process.processor_time().expect("its time")),
        }
    }
}

impl ProcessorTime {
    pub(crate) fn since(self, start: Self) -> Self {
        Self {
            api_server: self.api_server.saturating_sub(start.api_server),
            webhook: self.webhook.saturating_sub(start.webhook),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.api_server += other.api_server;
        self.webhook += other.webhook;
    }
}

/// Returns the path at which pods of a variant are created as a dry run.
pub(crate) fn pods(variant: Variant) -> String {
    format!("/api/v1/namespaces/{}/pods?dryRun=All", variant.namespace())
}

/// Returns the injected pod as a user writes it to the namespace of a variant.
pub(crate) fn injected_pod(variant: Variant) -> Value {
    let mut pod = pod::injected();
    let (labels, annotations) = (pod["metadata"]["labels"].take(), pod["metadata"]["annotations"].take());
    let metadata = json!({
        "name": "shop", "namespace": variant.namespace(), "labels": labels, "annotations": annotations,
    });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"].take() })
}

/// A client with a certificate of this user, in a group to which RBAC allows everything.
pub(crate) fn user(runtime: &Runtime, cluster: &Cluster, name: &str, group: &str) -> Client {
    cluster.powerful(name, group).expect("RBAC");
    let kubectl = cluster.certified_user(name, group).expect("a certificate");
    runtime.block_on(client(&kubectl))
}

/// Creates the tenant and its namespaces, and has the controller apply their baseline. The controller is stopped then,
/// so that it takes no processor time.
fn create_namespaces(cluster: &Cluster, admin: &Kubectl, variants: &[Variant]) {
    let owners = json!({ "owners": [{ "kind": "Group", "name": MEMBERS }] });
    admin.apply(&tenant(TENANT, &owners).to_string()).expect("a tenant");
    for variant in variants {
        let labels = json!({
            "bulkhead.dev/tenant": TENANT, "tenant": TENANT, "istio-injection": "enabled", LABEL: variant.name(),
        });
        let namespace = labelled_namespace(&variant.namespace(), &labels);
        admin.apply(&namespace.to_string()).expect("a namespace");
    }
    let mut controller = controller(cluster, BINARY.as_ref()).expect("a controller");
    for variant in variants {
        wait_until_ready(admin, &variant.namespace());
        wait_for_default_account(admin, &variant.namespace());
    }
    controller.terminate().expect("a controller");
    controller.wait(Duration::from_secs(20)).expect("its end");
    // There is no injector from which the controller could learn them.
    let references = include_str!("../../examples/snapshot/proxy-references.yaml");
    admin.apply(references).expect("references of the mesh's proxy");
}

/// Starts the webhook of a variant's binary.
fn bulkhead(cluster: &Cluster, variant: Variant) -> Server {
    let file = |name: &str| cluster.folder.join(name).display().to_string();
    let (settings, certificate, key) = (file("settings.yaml"), file("webhook.crt"), file("webhook.key"));
    let arguments =
        ["--settings", &settings, "--parts=webhook", "--tls-cert", &certificate, "--tls-key", &key];
    let account = cluster.service_account(NAMESPACE, "bulkhead").expect("an account");
    let binary = variant.binary().expect("a binary");
    let server =
        Server::start(&binary, variant.name(), &cluster.folder, &arguments, Some(&account.kubeconfig));
    let mut server = server.expect("a server");
    server.wait_until_ready().expect("a ready server");
    server
}
