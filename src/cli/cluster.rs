//! The connection of a command to a cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::sync::watch as channel;
use tokio::time::timeout;

use crate::settings::{SETTINGS_CONFIG_MAP, Settings};
use crate::snapshot::Snapshot;
use crate::sources::settings_config_map::{SettingsConfigMap, parse_settings, settings_text};
use crate::sources::{SnapshotStore, files, watch};
use crate::telemetry::{Metrics, Readiness};

// The address and the user. No doc comment, because clap would show it as the command's description.
#[derive(Args, Clone, Debug)]
pub(super) struct Connection {
    /// The kubeconfig file; by default the files in $KUBECONFIG, else ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The kubeconfig context; the current one by default.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// The cluster to read, and its settings.
#[derive(Args, Clone, Debug)]
pub(super) struct Cluster {
    #[command(flatten)]
    connection: Connection,

    /// A settings file to use instead of the settings in the cluster.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// The ConfigMap with the settings, in the namespace of Bulkhead.
    #[arg(long, value_name = "NAME", default_value = SETTINGS_CONFIG_MAP, conflicts_with = "settings")]
    pub(super) settings_config_map: String,

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
pub(super) async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client> {
    // kube's client uses the default provider of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match (kubeconfig, context) {
        (None, None) => Config::infer().await?,
        (None, Some(_)) => Config::from_kubeconfig(&options).await?,
        (Some(file), _) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?,
    };
    config.read_timeout = Some(READ_TIMEOUT);
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Ok(Client::try_from(config)?)
}

impl Connection {
    pub(super) async fn connect(&self) -> Result<Client> {
        let client = connect(self.kubeconfig.as_deref(), self.context.as_deref()).await;
        client.context("failed to connect to the cluster")
    }
}

impl Cluster {
    pub(super) async fn connect(&self) -> Result<Client> {
        self.connection.connect().await
    }

    /// Returns the text of the settings, and the settings in it.
    pub(super) async fn settings(&self, client: &Client) -> Result<(String, Settings)> {
        if let Some(file) = &self.settings {
            let text = files::text(file)?;
            let settings = files::parse_settings(&text, file)?;
            return Ok((text, settings));
        }
        let (namespace, name) = (&self.system_namespace, &self.settings_config_map);
        let config_map = SettingsConfigMap { namespace: namespace.clone(), name: name.clone() };
        let found = config_map.get(client).await;
        let found = found.with_context(|| format!("failed to read the ConfigMap {namespace}/{name}"))?;
        // Defaults in place of the cluster's settings would print wrong findings.
        let settings = settings_text(found).and_then(|text| Ok((parse_settings(&text)?, text)));
        let (settings, text) = settings.with_context(|| {
            format!(
                "no settings in the ConfigMap {namespace}/{name}; if the cluster has them elsewhere, use --settings FILE"
            )
        })?;
        Ok((text, settings))
    }

    /// Returns a client and the current snapshot.
    pub(super) async fn read(&self) -> Result<(Client, Arc<Snapshot>)> {
        let client = self.connect().await?;
        let (_, settings) = self.settings(&client).await?;
        let snapshot = self.snapshot(&client, Arc::new(settings)).await?;
        Ok((client, snapshot))
    }

    /// Returns the current snapshot of the cluster.
    pub(super) async fn snapshot(&self, client: &Client, settings: Arc<Settings>) -> Result<Arc<Snapshot>> {
        let settings = channel::Sender::new(settings).subscribe();
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
            Some(snapshot) => Ok(snapshot),
            None => bail!("the API server did not list these in time: {}", readiness.pending().join(", ")),
        }
    }
}
