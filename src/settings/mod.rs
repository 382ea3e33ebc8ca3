//! What the platform says about its cluster: one YAML file, parsed once. Pure.
//!
//! [`File`] is what is written, every part optional; [`Settings`] is what it means.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod components;
mod file;
mod image;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

pub use components::{
    Calico, Dataplane, DenyAll, EgressGateway, Gateway, Outbound, Registration, SameTenant,
};
pub use file::File;
pub use image::{Image, Repository};

/// The settings in force.
#[derive(Debug)]
pub struct Settings {
    /// Users that act for the platform.
    pub platform_users: BTreeSet<String>,
    /// Groups whose members act for the platform.
    pub platform_groups: BTreeSet<String>,
    /// Groups whose members are refused nothing; every use is logged, counted and audited.
    pub break_glass_groups: BTreeSet<String>,
    /// Namespaces of the platform: no tenant's, whatever their labels say.
    pub platform_namespaces: BTreeSet<String>,
    /// Namespaces of the platform in which services run that tenants call.
    pub shared_namespaces: BTreeSet<String>,
    /// How the names of namespaces begin that only the platform creates.
    pub reserved_prefixes: BTreeSet<String>,
    /// The names of the Services in `kube-system` that are the cluster's DNS.
    pub dns_services: BTreeSet<String>,
    /// The account Bulkhead's own controller runs as.
    pub controller: String,
    /// The namespace istiod runs in.
    pub mesh_root: String,
    /// The mesh's trust domain, as principals begin; `cluster.local` means the mesh's own, whatever its name.
    pub trust_domain: String,
    /// How long a certificate of the mesh may live at most, in seconds: as long its names stay reserved.
    pub certificate_life: i64,
    /// Whether istio-cni makes the redirection, and a container only looks at it.
    pub istio_cni: bool,
    /// The mesh revision of tenant namespaces; the default revision where absent.
    pub mesh_revision: Option<String>,
    /// Repositories the mesh's own proxy comes from.
    pub proxy_images: Vec<Repository>,
    /// The user id the proxy runs as, whose traffic is not captured.
    pub proxy_user: i64,
    /// What the mesh sets for its proxies beyond the variables that Istio's own template writes, or with other values.
    pub proxy_environment: BTreeMap<String, String>,
    /// Keys of labels and annotations of a tenant's namespace that only the platform sets, beside the known ones.
    pub protected_keys: BTreeSet<String>,
    /// Whether the plain label `tenant` stands beside `bulkhead.dev/tenant`.
    pub plain_tenant_label: bool,
    pub dataplane: Dataplane,
    /// What the tenants' proxies do with a destination they do not know.
    pub outbound: Outbound,
    /// The provider by which the tenants' proxies log what they refuse, as the mesh names it; none if they do not.
    pub access_log: Option<String>,
    /// The names that tenants' waypoints may have, with the ambient dataplane.
    pub waypoints: Vec<String>,
    pub same_tenant: SameTenant,
    /// How Calico's policies are written, where Calico is.
    pub calico: Option<Calico>,
    pub gateways: Vec<Gateway>,
    pub egress_gateway: Option<EgressGateway>,
    /// Whether what is mesh-wide is Bulkhead's to keep, and then how far the whole mesh denies.
    pub mesh_wide: Option<DenyAll>,
    /// Whether tenants have a share of the API server's time of their own.
    pub api_fairness: bool,
    /// How many namespaces a second get a baseline that has changed for all of them.
    pub pace: NonZeroU32,
    /// Who writes the webhook configurations.
    pub registration: Registration,
}

/// A settings file that says something impossible.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    #[error(
        "mesh.proxyImages[{index}]: `{value}` is not an image repository, such as `registry.example.com/istio/proxyv2`"
    )]
    ProxyImage { index: usize, value: String },
    #[error("mesh.proxyImages: an empty list would refuse every pod of every tenant")]
    NoProxyImages,
    #[error("labels.protected[{index}]: `{value}` is not the key of a label")]
    ProtectedKey { index: usize, value: String },
    #[error("mesh.proxyUser: `{0}` is not a user id a proxy can have")]
    ProxyUser(i64),
    #[error("gateways[{index}].name: `{name}` is not NAMESPACE/NAME")]
    GatewayName { index: usize, name: String },
    #[error("gateways[{index}].selector: no labels would be every pod of the namespace")]
    GatewaySelector { index: usize },
    #[error("egressGateway.selector: no labels would be every pod of the namespace")]
    EgressSelector,
    #[error("meshWide.denyAll: set meshWide.manage too: the allowing policies come with it")]
    DenyAllUnmanaged,
}

const PLATFORM_GROUPS: &[&str] = &["system:masters"];
const PLATFORM_NAMESPACES: &[&str] =
    &["bulkhead-system", "default", "istio-system", "kube-node-lease", "kube-public", "kube-system"];
const RESERVED_PREFIXES: &[&str] = &["istio-", "kube-"];
const DNS_SERVICES: &[&str] = &["kube-dns"];
/// Where Istio's own releases publish the proxy.
const PROXY_IMAGES: &[&str] =
    &["docker.io/istio/proxyv2", "gcr.io/istio-release/proxyv2", "registry.istio.io/release/proxyv2"];
const PROXY_USER: i64 = 1337;
/// What istiod signs at most, unless it is told otherwise.
const CERTIFICATE_DAYS: u32 = 90;
const DAY: i64 = 24 * 60 * 60;
/// The mesh's own provider of logs.
const ACCESS_LOG: &str = "envoy";
/// What `istioctl waypoint apply` calls one.
const WAYPOINTS: &[&str] = &["waypoint"];
/// Namespaces a second.
const PACE: NonZeroU32 = NonZeroU32::new(20).unwrap();
const CONTROLLER: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";
const MESH_ROOT: &str = "istio-system";
const TRUST_DOMAIN: &str = "cluster.local";

impl TryFrom<File> for Settings {
    type Error = Invalid;

    fn try_from(mut file: File) -> Result<Self, Invalid> {
        if let Some(user) = file.mesh.proxy_user.filter(|user| *user <= 0) {
            return Err(Invalid::ProxyUser(user));
        }
        let is_key = |key: &str| {
            let is_of_a_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
            !key.is_empty() && key.bytes().all(is_of_a_key)
        };
        if let Some((index, value)) = file.labels.protected.iter().enumerate().find(|(_, key)| !is_key(key)) {
            return Err(Invalid::ProtectedKey { index, value: value.clone() });
        }
        are_gateways(&file)?;
        if file.mesh_wide.deny_all > DenyAll::Never && !file.mesh_wide.manage {
            return Err(Invalid::DenyAllUnmanaged);
        }
        let images = file.mesh.proxy_images.take().map(repositories).transpose()?;
        let mut settings = Self::from_parts(file);
        if let Some(images) = images {
            settings.proxy_images = images;
        }
        Ok(settings)
    }
}

fn repositories(images: Vec<String>) -> Result<Vec<Repository>, Invalid> {
    if images.is_empty() {
        return Err(Invalid::NoProxyImages);
    }
    let images = images.into_iter().enumerate();
    images
        .map(|(index, value)| Repository::parse(&value).ok_or(Invalid::ProxyImage { index, value }))
        .collect()
}

/// Whether the gateways say where they are, and which pods they are.
fn are_gateways(file: &File) -> Result<(), Invalid> {
    for (index, gateway) in file.gateways.iter().enumerate() {
        let parts: Vec<&str> = gateway.name.split('/').collect();
        if parts.len() != 2 || parts.contains(&"") {
            return Err(Invalid::GatewayName { index, name: gateway.name.clone() });
        }
        if gateway.selector.is_empty() {
            return Err(Invalid::GatewaySelector { index });
        }
    }
    if file.egress_gateway.as_ref().is_some_and(|gateway| gateway.selector.is_empty()) {
        return Err(Invalid::EgressSelector);
    }
    Ok(())
}

impl Default for Settings {
    fn default() -> Self {
        Self::from_parts(File::default())
    }
}

impl Settings {
    /// What is absent means its default; the proxy's images are the caller's.
    fn from_parts(file: File) -> Self {
        let set = |written: Option<Vec<String>>, default: &[&str]| {
            written.unwrap_or_else(|| owned(default)).into_iter().collect()
        };
        Self {
            platform_users: file.platform.users.into_iter().collect(),
            platform_groups: set(file.platform.groups, PLATFORM_GROUPS),
            break_glass_groups: file.platform.break_glass_groups.into_iter().collect(),
            platform_namespaces: set(file.platform.namespaces, PLATFORM_NAMESPACES),
            shared_namespaces: file.platform.shared_namespaces.into_iter().collect(),
            reserved_prefixes: set(file.platform.namespace_prefixes, RESERVED_PREFIXES),
            dns_services: set(file.platform.dns_services, DNS_SERVICES),
            controller: file.platform.controller.unwrap_or_else(|| CONTROLLER.to_owned()),
            mesh_root: file.mesh.root_namespace.unwrap_or_else(|| MESH_ROOT.to_owned()),
            trust_domain: file.mesh.trust_domain.unwrap_or_else(|| TRUST_DOMAIN.to_owned()),
            certificate_life: i64::from(file.mesh.longest_certificate_days.unwrap_or(CERTIFICATE_DAYS)) * DAY,
            istio_cni: file.mesh.istio_cni.unwrap_or(false),
            mesh_revision: file.mesh.revision,
            proxy_images: PROXY_IMAGES.iter().filter_map(|image| Repository::parse(image)).collect(),
            proxy_user: file.mesh.proxy_user.unwrap_or(PROXY_USER),
            proxy_environment: file.mesh.proxy_environment,
            protected_keys: file.labels.protected.into_iter().collect(),
            plain_tenant_label: file.labels.tenant.unwrap_or(true),
            dataplane: file.mesh.dataplane,
            outbound: file.mesh.outbound,
            access_log: Some(file.mesh.access_log.unwrap_or_else(|| ACCESS_LOG.to_owned()))
                .filter(|provider| !provider.is_empty()),
            waypoints: file.mesh.waypoints.unwrap_or_else(|| owned(WAYPOINTS)),
            same_tenant: file.network.same_tenant,
            calico: file.network.calico,
            gateways: file.gateways,
            egress_gateway: file.egress_gateway,
            mesh_wide: file.mesh_wide.manage.then_some(file.mesh_wide.deny_all),
            api_fairness: file.baseline.api_fairness.unwrap_or(true),
            pace: file.baseline.pace.unwrap_or(PACE),
            registration: file.registration,
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

impl Settings {
    /// Whether the whole mesh denies by default, were it for a trial.
    pub fn denies_all(&self) -> bool {
        self.mesh_wide.is_some_and(|deny_all| deny_all > DenyAll::Never)
    }

    pub fn gateway(&self, name: &str) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.name == name)
    }

    /// Whether only the platform may have a namespace of this name.
    pub fn is_reserved(&self, namespace: &str) -> bool {
        self.platform_namespaces.contains(namespace) || self.shared_namespaces.contains(namespace)
    }
}
