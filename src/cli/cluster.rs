//! A cluster, as a command reads it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use tokio::time::timeout;

use crate::sources::{Worlds, follow, reload};
use crate::telemetry::{Metrics, Readiness};
use crate::world::World;

/// Which cluster is asked, and what its platform says.
#[derive(Args, Debug)]
pub(super) struct Cluster {
    /// The context of the kubeconfig; the current one unless given.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The settings file that Bulkhead runs with there; built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// The namespace Bulkhead runs in.
    #[arg(long, default_value = "bulkhead-system", value_name = "NAMESPACE")]
    system_namespace: String,
}

/// How long the first lists may take.
const LONGEST: Duration = Duration::from_mins(1);

/// A connection that hears of nothing for this long is taken for dead: an API server writes bookmarks into a watch
/// about once a minute.
const SILENCE: Duration = Duration::from_secs(150);

const CONNECT: Duration = Duration::from_secs(10);

/// Connects as a kubeconfig or a pod's own account says.
pub(super) async fn connect(context: Option<String>) -> Result<Client> {
    // kube's client asks for the process's default.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = match context {
        None => Config::infer().await?,
        context => {
            Config::from_kubeconfig(&KubeConfigOptions { context, ..KubeConfigOptions::default() }).await?
        }
    };
    config.read_timeout = Some(SILENCE);
    config.connect_timeout = Some(CONNECT);
    Ok(Client::try_from(config)?)
}

impl Cluster {
    /// The world as it is now, and the client to ask for more.
    pub(super) async fn read(&self) -> Result<(Client, Arc<World>)> {
        let settings = reload::settings(self.settings.clone())?;
        let client = connect(self.context.clone()).await.context("connecting to the cluster")?;
        let worlds = Arc::new(Worlds::default());
        let mut changes = worlds.changes();
        let readiness = Arc::new(Readiness::awaiting(&follow::awaited()));
        let home = self.system_namespace.clone();
        let followed = follow::follow(
            client.clone(),
            home,
            settings,
            Arc::clone(&worlds),
            Arc::clone(&readiness),
            Arc::new(Metrics::default()),
        );
        tokio::select! {
            () = followed => {}
            _ = timeout(LONGEST, changes.changed()) => {}
        }
        match worlds.newest() {
            Some(world) => Ok((client, world)),
            None => bail!("the cluster did not list: {}", readiness.awaited().join(", ")),
        }
    }
}
