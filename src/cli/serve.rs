use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::cluster::connect;
use super::exit_status::ExitStatus;
use super::webhook_service;
use crate::controller::{self, Identity};
use crate::sources::{SnapshotStore, files, reload, watch};
use crate::telemetry::{self, Metrics, Readiness};
use crate::webhook::certificate::{self, CertificateFiles, ServingCertificate};
use crate::webhook::server::{self, ConnectionLimits, Identities};
use crate::webhook::{Webhook, router};

/// Run the admission webhook, and the controller that applies baselines and registers the webhook.
#[derive(Args, Debug)]
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

    /// Read Tenants, Namespaces and Settings once from YAML files in this folder instead of from a cluster.
    #[arg(long, value_name = "DIR", conflicts_with = "settings")]
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

    #[command(flatten, next_help_heading = "Address in the webhook configurations")]
    webhook_service: webhook_service::Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Webhook,
    Controller,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

/// Time limit for open requests once the replica stops, the same as for any request.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

impl Serve {
    pub(super) fn run(self) -> Result<ExitStatus> {
        telemetry::logs(&self.log).context("--log")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve())?;
        Ok(ExitStatus::Clean)
    }

    async fn serve(self) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let identities = self.runs(Part::Webhook).then(|| self.identities()).transpose()?;
        let snapshots = Arc::new(SnapshotStore::default());
        let metrics = Arc::new(Metrics::default());
        // If a part ends by itself, the process must not continue without it.
        let mut background_tasks = JoinSet::new();
        let stop_leading = CancellationToken::new();
        let mut controller_tasks = JoinSet::new();
        let (client, readiness) = self.start_source(&snapshots, &metrics, &mut background_tasks).await?;
        if let Some(client) = client.filter(|_| self.runs(Part::Controller)) {
            let (snapshots, metrics) = (Arc::clone(&snapshots), Arc::clone(&metrics));
            let webhook_service = self.webhook_service.in_namespace(&self.namespace);
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
        let stop = CancellationToken::new();
        let mut webhook_tasks = JoinSet::new();
        if let Some(identities) = identities {
            let webhook = listen(self.listen).await?;
            info!(webhook = %webhook.local_addr()?, admin = %admin_address, "listening");
            let limits = ConnectionLimits {
                per_source: self.max_connections_per_source.get(),
                idle: self.idle_timeout,
                drain: DRAIN_TIMEOUT,
            };
            let routes = router(Arc::new(Webhook::new(snapshots, Arc::clone(&metrics))));
            let metrics = Arc::clone(&metrics);
            webhook_tasks.spawn(server::serve(webhook, identities, routes, limits, metrics, stop.clone()));
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
        if !webhook_tasks.is_empty() {
            info!(delay = ?self.shutdown_delay, "stopping");
            tokio::select! {
                () = tokio::time::sleep(self.shutdown_delay) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        stop.cancel();
        while let Some(ended) = webhook_tasks.join_next().await {
            ended??;
        }
        controller_tasks.join_all().await;
        info!("stopped");
        Ok(())
    }

    fn runs(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    fn identities(&self) -> Result<Identities> {
        let client_ca = self.client_ca.clone().map(certificate::client_ca).transpose();
        Ok(Identities { certificate: self.certificate()?, client_ca: client_ca.context("--client-ca")? })
    }

    fn certificate(&self) -> Result<Arc<ServingCertificate>> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
            return Ok(certificate::from_files(files)?);
        }
        if self.development_certificate.is_empty() {
            bail!("the webhook needs --tls-cert and --tls-key, or --development-certificate");
        }
        let development = certificate::development(&self.development_certificate)?;
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
            return Ok((None, Arc::new(Readiness::waiting_for(&[]))));
        }
        let settings = reload::settings(self.settings.clone())?;
        let client = connect(None).await.context("failed to connect to the cluster")?;
        let readiness = Arc::new(Readiness::waiting_for(&watch::store_names()));
        let (snapshots, metrics) = (Arc::clone(snapshots), Arc::clone(metrics));
        let own_namespace = self.namespace.clone();
        background_tasks.spawn(watch::run(
            client.clone(),
            own_namespace,
            settings,
            snapshots,
            Arc::clone(&readiness),
            metrics,
        ));
        Ok((Some(client), readiness))
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))
}
