use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::OffsetDateTime;
use x509_parser::pem::Pem;

/// Time before its issue from which a certificate is valid: clocks differ.
const BACKDATE: i64 = 3600;

/// Error of a certificate that cannot be issued or read.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("failed to issue a certificate: {0}")]
    Issue(#[from] rcgen::Error),
    #[error("failed to issue a certificate: {0}")]
    Time(#[from] time::error::ComponentRange),
}

/// A certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// The facts of a certificate on which its rotation depends.
pub(super) struct Facts {
    /// Unix time of its issue, in seconds.
    pub(super) issued: i64,
    pub(super) expires: i64,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    names: Vec<String>,
}

impl Pair {
    /// Issues an authority that can sign certificates for `names` alone.
    pub(super) fn authority(names: &[String], now: i64, lifetime: i64) -> Result<Self, IssueError> {
        let mut params = CertificateParams::default();
        // The time makes the names of two authorities differ.
        params.distinguished_name.push(DnType::CommonName, format!("bulkhead-webhook-ca-{now}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: names.iter().cloned().map(GeneralSubtree::DnsName).collect(),
            excluded_subtrees: Vec::new(),
        });
        set_validity(&mut params, now, lifetime)?;
        let key = KeyPair::generate()?;
        Ok(Self { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
    }

    /// Issues a certificate of this authority for a server.
    pub(super) fn sign(&self, names: &[String], now: i64, lifetime: i64) -> Result<Self, IssueError> {
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "bulkhead-webhook");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        set_validity(&mut params, now, lifetime)?;
        let key = KeyPair::generate()?;
        Ok(Self { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
    }

    /// True if the key is that of the certificate.
    pub(super) fn is_usable(&self) -> bool {
        let Ok(key) = KeyPair::from_pem(&self.key) else { return false };
        let pem = Pem::iter_from_buffer(self.certificate.as_bytes()).next();
        let Some(Ok(pem)) = pem else { return false };
        pem.parse_x509()
            .is_ok_and(|certificate| certificate.public_key().subject_public_key.data == key.public_key_raw())
    }
}

fn set_validity(params: &mut CertificateParams, now: i64, lifetime: i64) -> Result<(), IssueError> {
    params.not_before = OffsetDateTime::from_unix_timestamp(now.saturating_sub(BACKDATE))?;
    params.not_after = OffsetDateTime::from_unix_timestamp(now.saturating_add(lifetime))?;
    Ok(())
}

impl Facts {
    /// Reads the first certificate of a PEM text.
    pub(super) fn read(certificate: &str) -> Option<Self> {
        let pem = Pem::iter_from_buffer(certificate.as_bytes()).next()?.ok()?;
        let certificate = pem.parse_x509().ok()?;
        let validity = certificate.validity();
        let names = certificate.subject_alternative_name().ok()?;
        let names = names.into_iter().flat_map(|extension| &extension.value.general_names);
        Some(Self {
            issued: validity.not_before.timestamp().saturating_add(BACKDATE),
            expires: validity.not_after.timestamp(),
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            names: names
                .filter_map(|name| match name {
                    x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
                    _ => None,
                })
                .collect(),
        })
    }

    pub(super) fn is_signed_by(&self, authority: &Self) -> bool {
        self.issuer == authority.subject
    }

    pub(super) fn is_for(&self, names: &[String]) -> bool {
        self.names == names
    }

    /// True in the last third of the certificate's life.
    pub(super) fn is_old(&self, now: i64) -> bool {
        let lifetime = self.expires.saturating_sub(self.issued);
        self.expires.saturating_sub(now) <= lifetime / 3
    }

    pub(super) fn has_expired(&self, now: i64) -> bool {
        self.expires <= now
    }
}
