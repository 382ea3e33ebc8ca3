//! Settings from a file, reloaded when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::files::{self, ReadError};
use crate::settings::Settings;
use crate::telemetry::Metrics;

/// Polling interval. Kubernetes updates a mounted ConfigMap by replacing a symbolic link, which a watch on the file
/// does not see.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Returns the settings in `path`, and every later version of them; without a path, the built-in defaults. If a new
/// version is invalid, the last valid one stays in use. Polls on the current runtime until all receivers are dropped.
pub fn watch(
    path: Option<PathBuf>,
    metrics: Arc<Metrics>,
) -> Result<watch::Receiver<Arc<Settings>>, ReadError> {
    let Some(path) = path else {
        metrics.settings.record_loaded(&[]);
        return Ok(watch::Sender::new(Arc::default()).subscribe());
    };
    let mut last = bytes(&path);
    let sender = watch::Sender::new(Arc::new(files::settings(&path)?));
    metrics.settings.record_loaded(last.as_deref().unwrap_or_default());
    let receiver = sender.subscribe();
    tokio::spawn(async move {
        while !sender.is_closed() {
            tokio::time::sleep(POLL_INTERVAL).await;
            let current = bytes(&path);
            if current == last {
                continue;
            }
            last = current;
            match files::settings(&path) {
                Ok(settings) => {
                    sender.send_replace(Arc::new(settings));
                    metrics.settings.record_loaded(last.as_deref().unwrap_or_default());
                    info!("loaded new settings");
                }
                Err(error) => {
                    metrics.settings.record_invalid();
                    warn!(%error, "the new settings cannot be used; the previous ones stay in use");
                }
            }
        }
    });
    Ok(receiver)
}

/// Returns `None` while the file cannot be read.
fn bytes(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}
