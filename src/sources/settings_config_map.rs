//! Settings from a ConfigMap.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::{info, warn};

use super::files::{self, ReadError};
use super::watch_backoff::watch_backoff;
use crate::settings::{SETTINGS_KEY, Settings};
use crate::telemetry::{Failure, Metrics, Readiness, SETTINGS};

/// The name of a ConfigMap with settings, and its namespace.
#[derive(Clone, Debug)]
pub struct SettingsConfigMap {
    pub namespace: String,
    pub name: String,
}

/// Error of a ConfigMap without valid settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigMapError {
    #[error("the ConfigMap does not exist")]
    Missing,
    #[error("the ConfigMap has no key `{SETTINGS_KEY}`")]
    NoKey,
    #[error(transparent)]
    Invalid(#[from] ReadError),
}

/// Returns the text of the settings in a ConfigMap.
pub fn settings_text(config_map: Option<ConfigMap>) -> Result<String, ConfigMapError> {
    let mut data = config_map.ok_or(ConfigMapError::Missing)?.data.unwrap_or_default();
    data.remove(SETTINGS_KEY).ok_or(ConfigMapError::NoKey)
}

/// Returns the settings in the text of a ConfigMap. An error names the line of the text.
pub fn parse_settings(text: &str) -> Result<Settings, ConfigMapError> {
    Ok(files::parse_settings(text, Path::new(SETTINGS_KEY))?)
}

impl SettingsConfigMap {
    /// Reads the ConfigMap once; `None` if it does not exist.
    pub async fn get(&self, client: &Client) -> Result<Option<ConfigMap>, kube::Error> {
        self.api(client).get_opt(&self.name).await
    }

    /// Returns the settings once they are valid for the first time, and every later version of them. If a new version is
    /// invalid, or the ConfigMap is deleted, the last valid version stays in use. Watches on the current runtime until
    /// all receivers are dropped.
    pub async fn watch(
        self,
        client: &Client,
        readiness: Arc<Readiness>,
        metrics: Arc<Metrics>,
    ) -> watch::Receiver<Arc<Settings>> {
        let events = watch_object(self.api(client), &self.name).backoff(watch_backoff()).boxed();
        let mut watcher =
            Watcher { config_map: self, events, readiness, metrics, loaded: None, failure: None };
        let sender = watch::Sender::new(watcher.next_settings().await);
        let receiver = sender.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sender.closed() => break,
                    settings = watcher.next_settings() => sender.send_replace(settings),
                };
            }
        });
        receiver
    }

    fn api(&self, client: &Client) -> Api<ConfigMap> {
        Api::namespaced(client.clone(), &self.namespace)
    }
}

/// The watch on the ConfigMap.
struct Watcher {
    config_map: SettingsConfigMap,
    events: BoxStream<'static, Result<Option<ConfigMap>, watcher::Error>>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    /// The text of the settings in use.
    loaded: Option<String>,
    failure: Option<Failure>,
}

impl Watcher {
    /// Waits for other valid settings than those in use.
    async fn next_settings(&mut self) -> Arc<Settings> {
        loop {
            let Some(event) = self.events.next().await else { pending().await };
            self.record_health(event.as_ref().err());
            let Ok(config_map) = event else { continue };
            match settings_text(config_map).and_then(|text| self.read(text)) {
                Ok(Some(settings)) => {
                    self.readiness.mark_done(SETTINGS);
                    return Arc::new(settings);
                }
                Ok(None) => self.metrics.settings.record_valid(),
                Err(error) => self.record_error(&error),
            }
        }
    }

    /// Returns the settings in a text; `None` if they are in use already.
    fn read(&mut self, text: String) -> Result<Option<Settings>, ConfigMapError> {
        if self.loaded.as_ref() == Some(&text) {
            return Ok(None);
        }
        let settings = parse_settings(&text)?;
        info!(config_map = self.config_map.name, "loaded new settings");
        self.metrics.settings.record_loaded(text.as_bytes());
        self.loaded = Some(text);
        Ok(Some(settings))
    }

    fn record_error(&self, error: &ConfigMapError) {
        self.metrics.settings.record_invalid();
        let SettingsConfigMap { namespace, name } = &self.config_map;
        if self.loaded.is_some() {
            warn!(namespace, name, %error, "the settings in the ConfigMap cannot be used; the previous ones stay in use");
        } else {
            warn!(namespace, name, %error, "not ready without the settings in the ConfigMap");
            self.readiness.explain(SETTINGS, format!("{namespace}/{name}: {error}"));
        }
    }

    fn record_health(&mut self, error: Option<&watcher::Error>) {
        if let Some(error) = error {
            let SettingsConfigMap { namespace, name } = &self.config_map;
            warn!(namespace, name, %error, "the watch on the settings failed; retrying");
            if self.loaded.is_none() {
                self.readiness.explain(SETTINGS, format!("{namespace}/{name}: {error}"));
            }
        }
        self.failure = error.map(|_| Failure::after(self.failure));
        self.metrics.watches.set_failure(SETTINGS, self.failure);
    }
}
