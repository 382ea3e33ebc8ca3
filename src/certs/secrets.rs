use std::collections::BTreeMap;

use k8s_openapi::ByteString;

use super::{Certificates, Pair};

/// The Secret with the authorities and their keys, which only the controller reads.
pub const AUTHORITY_SECRET: &str = "bulkhead-webhook-ca";
/// The Secret with the certificate that the webhook serves, of type `kubernetes.io/tls`.
pub const CERTIFICATE_SECRET: &str = "bulkhead-webhook-tls";

type Data = BTreeMap<String, ByteString>;

impl Certificates {
    /// Reads the data of the two Secrets. A certificate or key that is missing or is no text is absent.
    pub fn from_secrets(authority: &Data, serving: &Data) -> Self {
        let text = |data: &Data, key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        let pair = |data: &Data, certificate: &str, key: &str| {
            Some(Pair { certificate: text(data, certificate)?, key: text(data, key)? })
        };
        Self {
            authority: pair(authority, "ca.crt", "ca.key"),
            next: pair(authority, "next.crt", "next.key"),
            previous: text(authority, "previous.crt"),
            serving: pair(serving, "tls.crt", "tls.key"),
        }
    }

    /// Returns the data of the Secret with the authorities.
    pub fn authority_data(&self) -> Data {
        let pairs = [("ca", &self.authority), ("next", &self.next)].into_iter();
        let pairs = pairs.filter_map(|(name, pair)| Some((name, pair.as_ref()?)));
        let pairs = pairs.flat_map(|(name, pair)| {
            [(format!("{name}.crt"), &pair.certificate), (format!("{name}.key"), &pair.key)]
        });
        let previous = self.previous.iter().map(|certificate| ("previous.crt".to_owned(), certificate));
        pairs.chain(previous).map(|(key, text)| (key, bytes(text))).collect()
    }

    /// Returns the data of the Secret with the certificate that the webhook serves.
    pub fn serving_data(&self) -> Data {
        let pair =
            self.serving.iter().flat_map(|pair| [("tls.crt", &pair.certificate), ("tls.key", &pair.key)]);
        let pair = pair.map(|(key, text)| (key.to_owned(), bytes(text)));
        pair.chain([("ca.crt".to_owned(), bytes(&self.bundle()))]).collect()
    }
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}
