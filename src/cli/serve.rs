use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{ArgAction, Args, ValueEnum};
use kube::Client;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as channel;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::cluster::connect;
use super::exit_status::ExitStatus;
use super::webhook_service;
use crate::certs::Lifetimes;
use crate::controller::{self, Identity, WebhookService};
use crate::settings::{SETTINGS_CONFIG_MAP, Settings};
use crate::sources::settings_config_map::SettingsConfigMap;
use crate::sources::{SnapshotStore, files, settings_file, watch};
use crate::telemetry::{self, Metrics, Readiness, SETTINGS, Traces};
use crate::webhook::certificate::{self, CertificateFiles, ServingCertificate};
use crate::webhook::server::{self, ConnectionLimits, Identities, Shutdown};
use crate::webhook::{DecisionLog, Webhook, router};

/// Run the admission webhook, and the controller that applies baselines and registers the webhook.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// The address for requests of the API server.
    #[arg(long, default_value = "0.0.0.0:9443", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// The address for /healthz, /readyz and /metrics, in plain HTTP.
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    admin: SocketAddr,

    /// The certificate chain of the webhook, PEM; reloaded when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// The issuer of the certificate, if no files are given: the controller, or another tool, such as cert-manager. Either
    /// stores it in the Secret `bulkhead-webhook-tls`.
    #[arg(
        long,
        env = "BULKHEAD_CERTIFICATES",
        value_enum,
        default_value = "self-managed",
        value_name = "ISSUER"
    )]
    certificates: CertificateIssuer,

    /// Seconds for which a certificate that the controller issues is valid. It is renewed in the last third.
    #[arg(long, value_name = "SECONDS", default_value = "2592000", value_parser = clap::value_parser!(i64).range(30..))]
    certificate_lifetime: i64,

    /// Seconds for which the CA of these certificates is valid.
    #[arg(long, value_name = "SECONDS", default_value = "31536000", value_parser = clap::value_parser!(i64).range(30..))]
    ca_lifetime: i64,

    /// For development: create a certificate for these names, and print its CA bundle to stdout.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "tls_cert")]
    development_certificate: Vec<String>,

    /// The CA certificates of callers, PEM; reloaded when the file changes. With it, the webhook answers only callers
    /// that have a certificate of this CA: configure the API servers first.
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// The settings file, reloaded when it changes; built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// The ConfigMap with the settings in its key `settings.yaml`, in Bulkhead's namespace; watched, so that a change applies
    /// at once. A replica is not ready until it has read valid settings from it.
    #[arg(long, value_name = "NAME", conflicts_with = "settings")]
    settings_config_map: Option<String>,

    /// Read Tenants, Namespaces and Settings once from YAML files in this folder instead of from a cluster.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["settings", "settings_config_map"])]
    snapshot: Option<PathBuf>,

    /// The parts to run; both by default. If they run separately, each needs its own service account.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["webhook", "controller"])]
    parts: Vec<Part>,

    /// The namespace of Bulkhead, with its Lease and its ConfigMap of reserved names.
    #[arg(long, short, default_value = "bulkhead-system")]
    namespace: String,

    /// Seconds after which a silent connection is closed; an API server keeps its connections for 90 seconds.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    idle_timeout: Duration,

    /// The number of connections that the webhook accepts from one address. It accepts 4096 in all. An API server needs
    /// one for each write that it has in flight.
    #[arg(long, value_name = "NUMBER", default_value = "1024")]
    max_connections_per_source: NonZeroUsize,

    /// Seconds to keep serving after SIGTERM, while the Service's endpoints are updated.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    shutdown_delay: Duration,

    /// The log filter, in the syntax of RUST_LOG.
    #[arg(long, env = "BULKHEAD_LOG", default_value = "info", value_name = "FILTER")]
    log: String,

    /// The format of the log.
    #[arg(long, env = "BULKHEAD_LOG_FORMAT", value_enum, default_value = "auto", value_name = "FORMAT")]
    log_format: LogFormat,

    /// Name the user in the log of decisions.
    #[arg(long, value_name = "BOOLEAN", default_value = "true", action = ArgAction::Set)]
    log_users: bool,

    #[command(flatten, next_help_heading = "Address in the webhook configurations")]
    webhook_service: webhook_service::Options,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead serve --settings-config-map bulkhead-settings
  bulkhead serve --settings settings.yaml --tls-cert tls.crt --tls-key tls.key
  bulkhead serve --snapshot examples/snapshot --development-certificate localhost";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Webhook,
    Controller,
}

impl Part {
    const fn reported(self) -> telemetry::Part {
        match self {
            Self::Webhook => telemetry::Part::Webhook,
            Self::Controller => telemetry::Part::Controller,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CertificateIssuer {
    SelfManaged,
    External,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Text on a terminal, JSON otherwise
    Auto,
    /// One JSON object a line
    Json,
    Text,
}

impl LogFormat {
    fn is_json(self) -> bool {
        match self {
            Self::Auto => !std::io::stderr().is_terminal(),
            Self::Json => true,
            Self::Text => false,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

/// The name in /readyz of the certificate, without which a replica is not ready.
const CERTIFICATE: &str = "certificate";

/// Time limit for open requests once the replica stops, the same as for any request.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

impl Serve {
    pub(super) fn run(self) -> Result<ExitStatus> {
        telemetry::logs(&self.log, self.log_format.is_json()).context("--log")?;
        raise_open_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve())?;
        Ok(ExitStatus::Clean)
    }

    async fn serve(self) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let snapshots = Arc::new(SnapshotStore::default());
        let traces = Traces::from_environment().context("OTEL_…")?;
        let metrics = Arc::new(Metrics::default());
        for part in &self.parts {
            metrics.start(part.reported());
        }
        // If a part ends by itself, the process must not continue without it.
        let mut background_tasks = JoinSet::new();
        let stop_leading = CancellationToken::new();
        let mut controller_tasks = JoinSet::new();
        let (client, readiness) = self.start_source(&snapshots, &metrics, &mut background_tasks).await?;
        let identities =
            self.runs(Part::Webhook).then(|| self.identities(client.as_ref(), &readiness, &metrics));
        let identities = identities.transpose()?;
        if let Some(client) = client.filter(|_| self.runs(Part::Controller)) {
            let (snapshots, metrics) = (Arc::clone(&snapshots), Arc::clone(&metrics));
            let mut webhook_service =
                self.webhook_service.in_namespace(&self.namespace, self.checked_config_map());
            webhook_service.issued = self.issued(&webhook_service);
            controller_tasks.spawn(controller::run(
                client,
                snapshots,
                self.identity(),
                webhook_service,
                metrics,
                stop_leading.clone(),
            ));
        }

        let admin = listen(self.admin).await?;
        let admin_address = admin.local_addr()?;
        let shutdown = Shutdown::default();
        let mut webhook_tasks = JoinSet::new();
        if let Some(identities) = identities {
            let listener = listen(self.listen).await?;
            info!(webhook = %listener.local_addr()?, admin = %admin_address, "listening");
            let limits = ConnectionLimits {
                per_source: self.max_connections_per_source.get(),
                idle: self.idle_timeout,
                drain: DRAIN_TIMEOUT,
            };
            let decision_log = DecisionLog { with_users: self.log_users };
            let webhook = Webhook::new(snapshots, Arc::clone(&metrics), decision_log, traces.clone());
            let routes = router(Arc::new(webhook));
            let metrics = Arc::clone(&metrics);
            webhook_tasks.spawn(server::serve(
                listener,
                identities,
                routes,
                limits,
                metrics,
                shutdown.clone(),
            ));
        } else {
            info!(admin = %admin_address, "listening");
        }
        let admin_router = telemetry::admin(Arc::clone(&readiness), metrics);
        background_tasks.spawn(async { drop(axum::serve(admin, admin_router).await) });

        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            Some(ended) = webhook_tasks.join_next() => bail!("the webhook server ended unexpectedly: {ended:?}"),
            Some(ended) = background_tasks.join_next() => bail!("a background task ended unexpectedly: {ended:?}"),
            Some(ended) = controller_tasks.join_next() => bail!("the controller ended unexpectedly: {ended:?}"),
        }
        readiness.mark_stopping();
        stop_leading.cancel();
        shutdown.leave.cancel();
        if !webhook_tasks.is_empty() {
            info!(delay = ?self.shutdown_delay, "stopping");
            tokio::select! {
                () = tokio::time::sleep(self.shutdown_delay) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        shutdown.stop.cancel();
        while let Some(ended) = webhook_tasks.join_next().await {
            ended??;
        }
        controller_tasks.join_all().await;
        tokio::task::spawn_blocking(move || traces.shut_down()).await?;
        info!("stopped");
        Ok(())
    }

    fn runs(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Returns the lifetimes of the certificates that the controller issues; `None` if they come from elsewhere.
    fn issued(&self, service: &WebhookService) -> Option<Lifetimes> {
        let has_files = self.tls_cert.is_some() || service.ca_bundle.is_some();
        let is_issued = self.certificates == CertificateIssuer::SelfManaged
            && !has_files
            && self.development_certificate.is_empty();
        is_issued.then_some(Lifetimes { authority: self.ca_lifetime, certificate: self.certificate_lifetime })
    }

    fn identities(
        &self,
        client: Option<&Client>,
        readiness: &Arc<Readiness>,
        metrics: &Arc<Metrics>,
    ) -> Result<Identities> {
        let client_ca = self.client_ca.clone().map(|file| certificate::client_ca(file, Arc::clone(metrics)));
        let client_ca = client_ca.transpose();
        let certificate = self.certificate(client, readiness, metrics)?;
        Ok(Identities { certificate, client_ca: client_ca.context("--client-ca")? })
    }

    fn certificate(
        &self,
        client: Option<&Client>,
        readiness: &Arc<Readiness>,
        metrics: &Arc<Metrics>,
    ) -> Result<Arc<ServingCertificate>> {
        let metrics = Arc::clone(metrics);
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
            return Ok(certificate::from_files(files, metrics)?);
        }
        if self.development_certificate.is_empty() {
            let Some(client) = client else {
                bail!(
                    "without a cluster the webhook needs --tls-cert and --tls-key, or --development-certificate"
                );
            };
            readiness.wait_for(CERTIFICATE);
            let ready = Arc::clone(readiness);
            let loaded = move || ready.mark_done(CERTIFICATE);
            return Ok(certificate::from_secret(client.clone(), &self.namespace, metrics, loaded));
        }
        let development = certificate::development(&self.development_certificate, &metrics)?;
        let mut out = std::io::stdout().lock();
        out.write_all(development.ca_bundle.as_bytes())?;
        out.flush()?;
        Ok(development.certificate)
    }

    fn identity(&self) -> Identity {
        Identity {
            namespace: self.namespace.clone(),
            holder: format!("{}-{}", std::env::var("HOSTNAME").unwrap_or_default(), std::process::id()),
        }
    }

    fn settings_config_map(&self) -> Option<SettingsConfigMap> {
        let name = self.settings_config_map.clone()?;
        Some(SettingsConfigMap { namespace: self.namespace.clone(), name })
    }

    /// Returns the name of the ConfigMap whose changes the webhook checks. A settings file can come from it too.
    fn checked_config_map(&self) -> &str {
        self.settings_config_map.as_deref().unwrap_or(SETTINGS_CONFIG_MAP)
    }

    /// Starts the source of snapshots. Returns a client, unless they come from files.
    async fn start_source(
        &self,
        snapshots: &Arc<SnapshotStore>,
        metrics: &Arc<Metrics>,
        background_tasks: &mut JoinSet<()>,
    ) -> Result<(Option<Client>, Arc<Readiness>)> {
        if let Some(folder) = &self.snapshot {
            let found = files::read(std::slice::from_ref(folder))?;
            snapshots.publish(files::snapshot(&found)?);
            metrics.settings.record_loaded(&[]);
            return Ok((None, Arc::new(Readiness::waiting_for(&[]))));
        }
        let source = match self.settings_config_map() {
            Some(config_map) => SettingsSource::ConfigMap(config_map),
            None => SettingsSource::Read(settings_file::watch(self.settings.clone(), Arc::clone(metrics))?),
        };
        let client = connect(None, None).await.context("failed to connect to the cluster")?;
        let readiness = Arc::new(Readiness::waiting_for(&watch::store_names()));
        if matches!(source, SettingsSource::ConfigMap(_)) {
            readiness.wait_for(SETTINGS);
        }
        let (own_namespace, watching) = (self.namespace.clone(), client.clone());
        let (snapshots, metrics, ready) =
            (Arc::clone(snapshots), Arc::clone(metrics), Arc::clone(&readiness));
        background_tasks.spawn(async move {
            let settings = match source {
                SettingsSource::ConfigMap(config_map) => {
                    config_map.watch(&watching, Arc::clone(&ready), Arc::clone(&metrics)).await
                }
                SettingsSource::Read(settings) => settings,
            };
            watch::run(watching, own_namespace, settings, snapshots, ready, metrics).await;
        });
        Ok((Some(client), readiness))
    }
}

/// The source of the settings. A file is read before anything else starts.
enum SettingsSource {
    ConfigMap(SettingsConfigMap),
    Read(channel::Receiver<Arc<Settings>>),
}

/// Raises the limit of open files as far as the system allows: each connection is one, and container runtimes start
/// processes with a limit of 1,024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        warn!(%error, limit = limit.current, "failed to raise the limit of open files");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))
}
