//! The certificates that the API server checks the webhook's own against, followed in a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::warn;

/// A bad file is refused, and what was read of it last stays.
pub(super) struct Bundle<'a> {
    path: Option<&'a Path>,
    last: Option<Vec<u8>>,
    complaint: Option<String>,
}

impl<'a> Bundle<'a> {
    pub(super) fn of(path: Option<&'a PathBuf>) -> Self {
        Self { path: path.map(PathBuf::as_path), last: None, complaint: None }
    }

    /// What the file holds now; `None` without one. An error if it was never good.
    pub(super) fn newest(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = self.path else { return Ok(None) };
        match read(path).with_context(|| format!("--ca-bundle {}", path.display())) {
            Ok(bytes) => {
                self.last = Some(bytes);
                self.complaint = None;
            }
            Err(error) if self.last.is_none() => return Err(error),
            Err(error) => {
                let complaint = format!("{error:#}");
                if self.complaint.as_ref() != Some(&complaint) {
                    warn!(error = complaint, "the new CA bundle cannot be used; the last good one stays");
                }
                self.complaint = Some(complaint);
            }
        }
        Ok(self.last.clone())
    }
}

/// Certificates, and nothing that must stay secret: many may read a webhook configuration.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>()?;
    ensure!(!certificates.is_empty(), "no certificate in it");
    ensure!(!String::from_utf8_lossy(&bytes).contains("PRIVATE KEY"), "a private key is in it");
    Ok(bytes)
}
