//! The volumes of the proxy: its certificate, its token, and the trust root with which it verifies istiod.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::policy::object::{JsonStr, Volume, nullable};
use crate::snapshot::InjectedObject;

/// The audience of the tokens that istiod accepts.
pub const MESH_AUDIENCE: &str = "istio-ca";
/// The volume with the proxy's own token.
const TOKEN_VOLUME: &str = "istio-token";

/// A volume that the injector adds, with its mount path in the proxy and its content.
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

/// True if the injector uses this name for a volume.
pub fn is_mesh_volume(name: &str) -> bool {
    find(name).is_some()
}

/// True if a volume is as in one of the references.
pub fn is_as_injected<'r>(
    volume: &Volume<'_>,
    mut references: impl Iterator<Item = &'r InjectedObject>,
) -> bool {
    let Some((kind, source)) = &volume.source else { return false };
    references.any(|known| known.field(kind).is_some_and(|known| known.is(source)))
}

/// True if a volume is as in Istio's template.
pub fn is_of_istio(volume: &Volume<'_>) -> bool {
    let Some((kind, source)) = &volume.source else { return false };
    find(&volume.name).is_some_and(|known| known.content.is(kind, source).unwrap_or(false))
}

/// True if a volume is as in Istio's template, or one that istiod adds to waypoints and mounts nowhere.
pub(super) fn is_of_waypoint(volume: &Volume<'_>) -> bool {
    let Some((kind, source)) = &volume.source else { return false };
    let is_unused = ["go-proxy-data", "go-proxy-envoy"].contains(&&*volume.name);
    is_of_istio(volume) || is_unused && Content::Scratch.is(kind, source).unwrap_or(false)
}

/// Returns the indexes of the sources of a projected volume that are tokens for the mesh. If the volume cannot be
/// read, its first source counts as one.
pub fn mesh_tokens(volume: &Volume<'_>) -> Vec<usize> {
    #[derive(Deserialize)]
    struct Projected<'a> {
        #[serde(borrow, default, deserialize_with = "nullable")]
        sources: Vec<Source<'a>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Source<'a> {
        #[serde(borrow, default)]
        service_account_token: Option<Token<'a>>,
    }

    #[derive(Deserialize)]
    struct Token<'a> {
        #[serde(borrow, default)]
        audience: Option<JsonStr<'a>>,
    }

    let projected = volume.source.as_ref().filter(|(kind, _)| **kind == *"projected");
    let Some((_, source)) = projected else { return Vec::new() };
    let Ok(Projected { sources }) = serde_json::from_str(source.get()) else { return vec![0] };
    let is_for_mesh = |source: &Source<'_>| {
        let token = source.service_account_token.as_ref();
        token.is_some_and(|token| token.audience.as_deref() == Some(MESH_AUDIENCE))
    };
    sources.iter().enumerate().filter(|(_, source)| is_for_mesh(source)).map(|(index, _)| index).collect()
}

fn find(name: &str) -> Option<&'static MeshVolume> {
    VOLUMES.iter().find(|volume| volume.name == name)
}

/// A mount in one of the mesh's containers. Istio never mounts a part of a volume, or a mount with propagation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mount<'a> {
    #[serde(borrow)]
    pub(super) name: JsonStr<'a>,
    #[serde(borrow, rename = "mountPath")]
    pub(super) path: JsonStr<'a>,
    #[serde(rename = "readOnly", default)]
    _read_only: IgnoredAny,
}

impl Mount<'_> {
    /// True if the injector mounts this volume at this path.
    pub(super) fn is_injected(&self, in_proxy: bool) -> bool {
        in_proxy && find(&self.name).is_some_and(|volume| volume.mount_path == &*self.path)
    }

    /// True if Kubernetes mounts this volume at this path, with the pod's token for the API server.
    pub(super) fn is_service_account(&self) -> bool {
        self.name.starts_with("kube-api-access-")
            && *self.path == *"/var/run/secrets/kubernetes.io/serviceaccount"
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyDir<'a> {
    #[serde(borrow, default)]
    medium: Option<JsonStr<'a>>,
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
    path: JsonStr<'a>,
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
    audience: Option<JsonStr<'a>>,
    #[serde(rename = "expirationSeconds", default)]
    _expiration_seconds: IgnoredAny,
    #[serde(borrow)]
    path: JsonStr<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustBundle<'a> {
    #[serde(borrow)]
    name: JsonStr<'a>,
    #[serde(borrow)]
    path: JsonStr<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMap<'a> {
    #[serde(borrow, default)]
    name: Option<JsonStr<'a>>,
    #[serde(rename = "defaultMode", default)]
    _default_mode: IgnoredAny,
    #[serde(rename = "optional", default)]
    _optional: IgnoredAny,
}

impl Content {
    /// True if a source of this kind has this content, and nothing else.
    fn is(self, kind: &str, source: &RawValue) -> serde_json::Result<bool> {
        let source = source.get();
        Ok(match (self, kind) {
            (Self::Scratch, "emptyDir") => {
                let directory: EmptyDir<'_> = serde_json::from_str(source)?;
                matches!(directory.medium.as_deref(), None | Some("" | "Memory"))
            }
            (Self::PodInformation, "downwardAPI") => {
                let api: DownwardApi<'_> = serde_json::from_str(source)?;
                let items = api.items.iter().map(|item| (&*item.path, item.field_ref.path()));
                items.eq([("labels", "metadata.labels"), ("annotations", "metadata.annotations")])
            }
            (Self::MeshToken, "projected") => serde_json::from_str::<Projected<'_>>(source)?.is_mesh_token(),
            (Self::TrustRoot, "projected") => serde_json::from_str::<Projected<'_>>(source)?.is_trust_root(),
            (Self::TrustRoot, "configMap") => {
                serde_json::from_str::<ConfigMap<'_>>(source)?.is("istio-ca-root-cert")
            }
            (Self::RevocationList, "configMap") => {
                serde_json::from_str::<ConfigMap<'_>>(source)?.is("istio-ca-crl")
            }
            _ => false,
        })
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
