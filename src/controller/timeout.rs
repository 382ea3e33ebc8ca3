use std::time::Duration;

use tokio::time::timeout;

/// Runs `work`. Returns an error if that takes longer than `limit`.
pub(super) async fn with_timeout<T>(
    limit: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(anyhow::anyhow!("timed out")))
}
