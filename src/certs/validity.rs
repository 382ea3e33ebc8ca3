use x509_parser::pem::Pem;

/// The time in which a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub starts: i64,
    pub ends: i64,
}

impl Validity {
    /// Reads a certificate in DER.
    pub fn of_der(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let validity = certificate.validity();
        Some(Self { starts: validity.not_before.timestamp(), ends: validity.not_after.timestamp() })
    }

    /// Returns the validity of each readable certificate of a PEM text, in its order.
    pub fn of_bundle(pem: &[u8]) -> impl Iterator<Item = Self> {
        Pem::iter_from_buffer(pem).filter_map(|pem| Self::of_der(&pem.ok()?.contents))
    }

    pub fn has_expired(self, now: i64) -> bool {
        self.ends <= now
    }

    /// True in the last sixth of the certificate's life. Renewals are due at its last third.
    pub fn is_ending(self, now: i64) -> bool {
        self.ends.saturating_sub(now) < self.ends.saturating_sub(self.starts) / 6
    }
}
