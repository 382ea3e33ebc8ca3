use std::io::Write;
use std::net::SocketAddr;
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
use super::{Outcome, address};
use crate::controller::{self, Identity};
use crate::sources::{Worlds, files, follow, reload};
use crate::telemetry::{self, Metrics, Readiness};
use crate::webhook::certificate::{self, Files, Shown};
use crate::webhook::server::{self, Limits};
use crate::webhook::{Hook, router};

/// Run the admission webhook, and the controller that keeps the baselines and registers the webhook.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// Where the API server calls.
    #[arg(long, default_value = "0.0.0.0:9443", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Where /healthz, /readyz and /metrics are, in plain HTTP.
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    admin: SocketAddr,

    /// The certificate chain to show, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Make a certificate for these names and print its CA bundle to stdout; for development.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "tls_cert")]
    development_certificate: Vec<String>,

    /// The settings file, read again when it changes; built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// Take Tenants, Namespaces and Settings from YAML files in this folder, read once, and not from a cluster.
    #[arg(long, value_name = "DIR", conflicts_with = "settings")]
    world: Option<PathBuf>,

    /// What to run; both unless named. Apart, each has an account of its own.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["webhook", "controller"])]
    parts: Vec<Part>,

    /// The namespace Bulkhead runs in: there are its lease and its ConfigMap of retired names.
    #[arg(long, short, default_value = "bulkhead-system")]
    namespace: String,

    /// How long a connection may be silent; an API server keeps its own for 90 seconds.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    idle_timeout: Duration,

    /// How long to serve on after SIGTERM, until every caller has heard that this replica is gone.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    shutdown_delay: Duration,

    /// What to log, as RUST_LOG writes it.
    #[arg(long, env = "BULKHEAD_LOG", default_value = "info", value_name = "FILTER")]
    log: String,

    #[command(flatten, next_help_heading = "What the controller tells the API server")]
    address: address::Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Webhook,
    Controller,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

/// How long requests under way may take once the replica stops: as long as any may.
const DRAIN: Duration = Duration::from_secs(30);

impl Serve {
    pub(super) fn run(self) -> Result<Outcome> {
        telemetry::logs(&self.log).context("--log")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve())?;
        Ok(Outcome::Clean)
    }

    async fn serve(self) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let certificate = self.runs(Part::Webhook).then(|| self.certificate()).transpose()?;
        let worlds = Arc::new(Worlds::default());
        let metrics = Arc::new(Metrics::default());
        // A part that ends by itself leaves a process that only looks alive.
        let mut parts = JoinSet::new();
        let leave = CancellationToken::new();
        let mut leading = JoinSet::new();
        let (client, readiness) = self.follow(&worlds, &metrics, &mut parts).await?;
        if let Some(client) = client.filter(|_| self.runs(Part::Controller)) {
            let (worlds, metrics) = (Arc::clone(&worlds), Arc::clone(&metrics));
            let address = self.address.within(&self.namespace);
            leading.spawn(controller::run(client, worlds, self.identity(), address, metrics, leave.clone()));
        }

        let admin = listen(self.admin).await?;
        let admin_address = admin.local_addr()?;
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        if let Some(certificate) = certificate {
            let webhook = listen(self.listen).await?;
            info!(webhook = %webhook.local_addr()?, admin = %admin_address, "listening");
            let limits = Limits { idle: self.idle_timeout, drain: DRAIN };
            let routes = router(Arc::new(Hook::new(worlds, Arc::clone(&metrics))));
            serving.spawn(server::serve(webhook, certificate, routes, limits, stop.clone()));
        } else {
            info!(admin = %admin_address, "listening");
        }
        let shown = telemetry::admin(Arc::clone(&readiness), metrics);
        parts.spawn(async { drop(axum::serve(admin, shown).await) });

        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            Some(ended) = serving.join_next() => bail!("the webhook ended: {ended:?}"),
            Some(ended) = parts.join_next() => bail!("a part ended: {ended:?}"),
            Some(ended) = leading.join_next() => bail!("the controller ended: {ended:?}"),
        }
        readiness.stopping();
        leave.cancel();
        if !serving.is_empty() {
            info!(delay = ?self.shutdown_delay, "stopping");
            tokio::select! {
                () = tokio::time::sleep(self.shutdown_delay) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        stop.cancel();
        while let Some(ended) = serving.join_next().await {
            ended??;
        }
        leading.join_all().await;
        info!("stopped");
        Ok(())
    }

    fn runs(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    fn certificate(&self) -> Result<Arc<Shown>> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let files = Files { certificate: certificate.clone(), key: key.clone() };
            return Ok(certificate::from_files(files)?);
        }
        if self.development_certificate.is_empty() {
            bail!("the webhook needs --tls-cert and --tls-key, or --development-certificate");
        }
        let development = certificate::development(&self.development_certificate)?;
        let mut out = std::io::stdout().lock();
        out.write_all(development.ca_bundle.as_bytes())?;
        out.flush()?;
        Ok(development.shown)
    }

    fn identity(&self) -> Identity {
        Identity {
            namespace: self.namespace.clone(),
            holder: format!("{}-{}", std::env::var("HOSTNAME").unwrap_or_default(), std::process::id()),
        }
    }

    /// Starts what publishes worlds; the client of the cluster they come from, if they do not come from files.
    async fn follow(
        &self,
        worlds: &Arc<Worlds>,
        metrics: &Arc<Metrics>,
        parts: &mut JoinSet<()>,
    ) -> Result<(Option<Client>, Arc<Readiness>)> {
        if let Some(folder) = &self.world {
            let found = files::read(std::slice::from_ref(folder))?;
            worlds.publish(files::world(&found)?);
            return Ok((None, Arc::new(Readiness::awaiting(&[]))));
        }
        let settings = reload::settings(self.settings.clone())?;
        let client = connect(None).await.context("connecting to the cluster")?;
        let readiness = Arc::new(Readiness::awaiting(&follow::awaited()));
        let (worlds, metrics) = (Arc::clone(worlds), Arc::clone(metrics));
        let home = self.namespace.clone();
        parts.spawn(follow::follow(client.clone(), home, settings, worlds, Arc::clone(&readiness), metrics));
        Ok((Some(client), readiness))
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
}
