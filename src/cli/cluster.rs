//! The connection of a command to a cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use tokio::time::timeout;

use crate::snapshot::Snapshot;
use crate::sources::{SnapshotStore, reload, watch};
use crate::telemetry::{Metrics, Readiness};

/// The cluster to read, and its settings.
#[derive(Args, Debug)]
pub(super) struct Cluster {
    /// The kubeconfig context; the current one by default.
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,

    /// The settings file of Bulkhead in that cluster; built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,

    /// The namespace of Bulkhead.
    #[arg(long, default_value = "bulkhead-system", value_name = "NAMESPACE")]
    pub(super) system_namespace: String,
}

/// Time limit for the first lists.
const LIST_TIMEOUT: Duration = Duration::from_mins(1);

/// A connection without data for this long counts as dead: an API server sends a bookmark on a watch about once a
/// minute.
const READ_TIMEOUT: Duration = Duration::from_secs(150);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects with the kubeconfig, or with the service account of the pod.
pub(super) async fn connect(context: Option<String>) -> Result<Client> {
    // kube's client uses the default provider of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = match context {
        None => Config::infer().await?,
        context => {
            Config::from_kubeconfig(&KubeConfigOptions { context, ..KubeConfigOptions::default() }).await?
        }
    };
    config.read_timeout = Some(READ_TIMEOUT);
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Ok(Client::try_from(config)?)
}

impl Cluster {
    /// Returns a client and the current snapshot.
    pub(super) async fn read(&self) -> Result<(Client, Arc<Snapshot>)> {
        let settings = reload::settings(self.settings.clone())?;
        let client = connect(self.context.clone()).await.context("failed to connect to the cluster")?;
        let snapshots = Arc::new(SnapshotStore::default());
        let mut changes = snapshots.subscribe();
        let readiness = Arc::new(Readiness::waiting_for(&watch::store_names()));
        let own_namespace = self.system_namespace.clone();
        let watching = watch::run(
            client.clone(),
            own_namespace,
            settings,
            Arc::clone(&snapshots),
            Arc::clone(&readiness),
            Arc::new(Metrics::default()),
        );
        tokio::select! {
            () = watching => {}
            _ = timeout(LIST_TIMEOUT, changes.changed()) => {}
        }
        match snapshots.newest() {
            Some(snapshot) => Ok((client, snapshot)),
            None => bail!("the API server did not list these in time: {}", readiness.pending().join(", ")),
        }
    }
}
