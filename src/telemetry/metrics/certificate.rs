use prometheus_client::registry::Unit;

use super::definition::{Catalogue, Float, Labelled};
use super::label;
use crate::certs::Validity;

/// A certificate whose expiry is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRole {
    /// The certificate that the webhook serves.
    Leaf,
    /// The CA that signs it, if the controller issues it.
    Ca,
    /// The CA of the webhook's callers.
    ClientCa,
}

impl CertificateRole {
    const fn as_label(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Ca => "ca",
            Self::ClientCa => "client-ca",
        }
    }
}

/// The metrics of certificates.
#[derive(Debug)]
pub struct CertificateMetrics {
    valid_from: Labelled<Float, 1>,
    valid_until: Labelled<Float, 1>,
}

impl CertificateMetrics {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        Self {
            valid_from: catalogue.gauge(
                "certificate_not_before_timestamp",
                Some(Unit::Seconds),
                [label::ROLE],
                "Time since 1970 from which the certificate is valid",
            ),
            valid_until: catalogue.gauge(
                "certificate_not_after_timestamp",
                Some(Unit::Seconds),
                [label::ROLE],
                "Time since 1970 until which the certificate is valid. `leaf` is the one that the webhook serves, `ca` the \
                 CA with which the leader signs it, `client-ca` the CA of the callers that expires last",
            ),
        }
    }

    /// Sets the validity of a certificate in use; `None` if this replica has none of this role.
    pub fn set(&self, role: CertificateRole, validity: Option<Validity>) {
        let role = role.as_label();
        if let Some(Validity { starts, ends }) = validity {
            self.valid_from.with([role]).set(seconds(starts));
            self.valid_until.with([role]).set(seconds(ends));
        } else {
            self.valid_from.remove([role]);
            self.valid_until.remove([role]);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
fn seconds(time: i64) -> f64 {
    time as f64
}
