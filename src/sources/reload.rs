//! Settings from a file, read again when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::files::{self, Invalid};
use crate::settings::Settings;

/// How often the file is looked at: a mounted ConfigMap changes by a link, which no watch of a file sees.
const EVERY: Duration = Duration::from_secs(5);

/// The settings in `path`, and whatever it holds later; a bad file is refused and the last good one stays.
/// Runs its watch on the current runtime until nobody listens.
pub fn settings(path: Option<PathBuf>) -> Result<watch::Receiver<Arc<Settings>>, Invalid> {
    let Some(path) = path else { return Ok(watch::Sender::new(Arc::default()).subscribe()) };
    let mut seen = bytes(&path);
    let sender = watch::Sender::new(Arc::new(files::settings(&path)?));
    let receiver = sender.subscribe();
    tokio::spawn(async move {
        while !sender.is_closed() {
            tokio::time::sleep(EVERY).await;
            let now = bytes(&path);
            if now == seen {
                continue;
            }
            seen = now;
            match files::settings(&path) {
                Ok(settings) => {
                    sender.send_replace(Arc::new(settings));
                    info!("loaded new settings");
                }
                Err(error) => warn!(%error, "the new settings cannot be used; the previous ones stay in use"),
            }
        }
    });
    Ok(receiver)
}

/// `None` while the file cannot be read.
fn bytes(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}
