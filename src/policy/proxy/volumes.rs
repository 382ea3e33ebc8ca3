//! The volumes of the proxy: its certificate, its token, the trust root it checks istiod with.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::policy::object::{Text, nullable};

/// For whom istiod takes tokens.
pub const MESH_AUDIENCE: &str = "istio-ca";
/// The volume with the proxy's own token.
pub const TOKEN_VOLUME: &str = "istio-token";

/// A volume that the injector adds, where the proxy mounts it, and what it is made of.
#[derive(Debug)]
struct MeshVolume {
    name: &'static str,
    mount_path: &'static str,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// An empty directory, for sockets, certificates and Envoy's files.
    Scratch,
    PodInformation,
    MeshToken,
    TrustRoot,
    RevocationList,
}

static VOLUMES: &[MeshVolume] = &[
    volume("workload-socket", "/var/run/secrets/workload-spiffe-uds", Content::Scratch),
    volume("credential-socket", "/var/run/secrets/credential-uds", Content::Scratch),
    volume("workload-certs", "/var/run/secrets/workload-spiffe-credentials", Content::Scratch),
    volume("istio-envoy", "/etc/istio/proxy", Content::Scratch),
    volume("istio-data", "/var/lib/istio/data", Content::Scratch),
    volume("istio-podinfo", "/etc/istio/pod", Content::PodInformation),
    volume(TOKEN_VOLUME, "/var/run/secrets/tokens", Content::MeshToken),
    volume("istiod-ca-cert", "/var/run/secrets/istio", Content::TrustRoot),
    volume("istio-ca-crl", "/var/run/secrets/istio/crl", Content::RevocationList),
];

const fn volume(name: &'static str, mount_path: &'static str, content: Content) -> MeshVolume {
    MeshVolume { name, mount_path, content }
}

/// Whether the injector gives this name to a volume.
pub fn is_mesh_volume(name: &str) -> bool {
    find(name).is_some()
}

/// Whether a volume with a name of the mesh's is what the injector makes of it.
pub fn is_injected(name: &str, raw: &RawValue) -> bool {
    let source = serde_json::from_str::<Source<'_>>(raw.get());
    find(name).is_some_and(|volume| source.is_ok_and(|source| source.is(volume.content)))
}

fn find(name: &str) -> Option<&'static MeshVolume> {
    VOLUMES.iter().find(|volume| volume.name == name)
}

/// A mount of one of the mesh's containers. A part of a volume, or a mount that spreads, is none of Istio's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mount<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow, rename = "mountPath")]
    pub(super) path: Text<'a>,
    #[serde(rename = "readOnly", default)]
    _read_only: IgnoredAny,
}

impl Mount<'_> {
    /// Whether the injector, or Kubernetes for the API server's token, mounts this volume there.
    pub(super) fn is_injected(&self, in_proxy: bool) -> bool {
        let is_service_account = self.name.starts_with("kube-api-access-")
            && *self.path == *"/var/run/secrets/kubernetes.io/serviceaccount";
        let is_mesh = find(&self.name).is_some_and(|volume| volume.mount_path == &*self.path);
        is_service_account || in_proxy && is_mesh
    }
}

/// What a volume is made of: of all the kinds of volumes only those that Istio's template writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Source<'a> {
    #[serde(rename = "name")]
    _name: IgnoredAny,
    #[serde(borrow, default)]
    empty_dir: Option<EmptyDir<'a>>,
    #[serde(borrow, default, rename = "downwardAPI")]
    downward_api: Option<DownwardApi<'a>>,
    #[serde(borrow, default)]
    projected: Option<Projected<'a>>,
    #[serde(borrow, default)]
    config_map: Option<ConfigMap<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyDir<'a> {
    #[serde(borrow, default)]
    medium: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DownwardApi<'a> {
    #[serde(rename = "defaultMode", default)]
    _default_mode: IgnoredAny,
    #[serde(borrow, default, deserialize_with = "nullable")]
    items: Vec<PodField<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodField<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    field_ref: super::environment::FieldRef<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Projected<'a> {
    #[serde(rename = "defaultMode", default)]
    _default_mode: IgnoredAny,
    #[serde(borrow, default, deserialize_with = "nullable")]
    sources: Vec<ProjectedSource<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectedSource<'a> {
    #[serde(borrow, default)]
    service_account_token: Option<TokenSource<'a>>,
    #[serde(borrow, default)]
    cluster_trust_bundle: Option<TrustBundle<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSource<'a> {
    #[serde(borrow, default)]
    audience: Option<Text<'a>>,
    #[serde(rename = "expirationSeconds", default)]
    _expiration_seconds: IgnoredAny,
    #[serde(borrow)]
    path: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustBundle<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMap<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(rename = "defaultMode", default)]
    _default_mode: IgnoredAny,
    #[serde(rename = "optional", default)]
    _optional: IgnoredAny,
}

impl Source<'_> {
    /// Whether it is made of this, and of nothing else.
    fn is(&self, content: Content) -> bool {
        match (content, &self.empty_dir, &self.downward_api, &self.projected, &self.config_map) {
            (Content::Scratch, Some(directory), None, None, None) => {
                matches!(directory.medium.as_deref(), None | Some("" | "Memory"))
            }
            (Content::PodInformation, None, Some(api), None, None) => {
                let items = api.items.iter().map(|item| (&*item.path, item.field_ref.path()));
                items.eq([("labels", "metadata.labels"), ("annotations", "metadata.annotations")])
            }
            (Content::MeshToken, None, None, Some(projected), None) => projected.is_mesh_token(),
            (Content::TrustRoot, None, None, Some(projected), None) => projected.is_trust_root(),
            (Content::TrustRoot, None, None, None, Some(map)) => map.is("istio-ca-root-cert"),
            (Content::RevocationList, None, None, None, Some(map)) => map.is("istio-ca-crl"),
            _ => false,
        }
    }
}

impl Projected<'_> {
    fn is_mesh_token(&self) -> bool {
        matches!(
            self.sources.as_slice(),
            [ProjectedSource { service_account_token: Some(token), cluster_trust_bundle: None }]
                if token.audience.as_deref() == Some(MESH_AUDIENCE) && *token.path == *TOKEN_VOLUME
        )
    }

    fn is_trust_root(&self) -> bool {
        matches!(
            self.sources.as_slice(),
            [ProjectedSource { service_account_token: None, cluster_trust_bundle: Some(bundle) }]
                if bundle.name.starts_with("istio.io:istiod-ca:") && *bundle.path == *"root-cert.pem"
        )
    }
}

impl ConfigMap<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}
