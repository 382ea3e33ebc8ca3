use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::AttributeTypeAndValue;

use super::{JsonStr, Path};

/// Kubernetes' signers of kubelets' certificates. They sign only the names of nodes.
pub const KUBELET_SIGNERS: [&str; 2] =
    ["kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"];

/// A request for a certificate, as in the spec of a `CertificateSigningRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequest<'a> {
    #[serde(borrow, default)]
    signer_name: Option<JsonStr<'a>>,
    /// PEM in base64.
    #[serde(borrow, default)]
    request: Option<JsonStr<'a>>,
}

/// The names for which a certificate is requested.
#[derive(Debug, PartialEq, Eq)]
pub struct CertificateNames {
    /// The common names: the API server takes one of them for the username.
    pub users: Vec<String>,
    /// The organizations: the API server takes them for the groups.
    pub groups: Vec<String>,
    /// True if a part of the request has an identity in some mesh.
    pub has_mesh_identity: bool,
}

impl CertificateRequest<'_> {
    pub fn signer(&self) -> &str {
        self.signer_name.as_deref().unwrap_or_default()
    }

    pub fn request_path() -> Path<'static> {
        Path::of(&["spec", "request"])
    }

    /// Returns the names in the request; `None` if it cannot be read.
    pub fn names(&self) -> Option<CertificateNames> {
        let pem = STANDARD.decode(self.request.as_deref()?).ok()?;
        // With text before it or after it, readers may not agree on the block.
        let text = pem.trim_ascii();
        let is_one_block = text.starts_with(b"-----BEGIN ")
            && text.ends_with(b"-----")
            && text.windows(5).filter(|window| *window == b"-----").count() == 4;
        let der = CertificateSigningRequestDer::from_pem_slice(text).ok().filter(|_| is_one_block)?;
        let (rest, request) = X509CertificationRequest::from_der(&der).ok()?;
        let subject = &request.certification_request_info.subject;
        let texts = |attributes: &mut dyn Iterator<Item = &AttributeTypeAndValue<'_>>| {
            attributes.map(|attribute| attribute.as_str().ok().map(str::to_owned)).collect()
        };
        let users: Option<Vec<String>> = texts(&mut subject.iter_common_name());
        let groups: Option<Vec<String>> = texts(&mut subject.iter_organization());
        // Wherever a reader may look for it.
        let has_mesh_identity =
            der.windows(MESH_SCHEME.len()).any(|part| part.eq_ignore_ascii_case(MESH_SCHEME));
        Some(CertificateNames { users: users?, groups: groups?, has_mesh_identity })
            .filter(|_| rest.is_empty())
    }
}

/// The scheme of identities in a mesh.
const MESH_SCHEME: &[u8] = b"spiffe:";
