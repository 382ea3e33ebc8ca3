//! The platform's settings: one YAML file, parsed once. The caller reads the file; this module performs no I/O.
//!
//! [`File`] is the file as it is written, with every part optional. [`Settings`] has the values with defaults
//! applied.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod components;
mod custom_kind;
mod dns;
mod file;
mod image;
mod kube_controllers;
mod template_kind;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use schemars::Schema;

pub use crate::api::Dataplane;
use crate::api::{SERVICE_ACCOUNTS_GROUP, service_account};
use crate::kinds::Kind;
pub use components::{
    AdminPolicyKind, Calico, DenyAll, EgressGateway, Gateway, Outbound, REPORT_NAME, Registration,
    ReportKind, RuleMode, SameTenant,
};
pub use custom_kind::{CustomKind, CustomKindError};
pub use dns::Dns;
pub use file::File;
pub use image::{Image, Repository};
pub use kube_controllers::{
    CONTROLLER_MANAGER, ENDPOINT_CONTROLLERS, KUBE_SYSTEM, NAMESPACE_CONTROLLER, QUOTA_CONTROLLER,
    VOLUME_BINDER, controller_account_for, kube_controller_accounts, kube_controllers,
};
pub use template_kind::{TemplateKind, TemplateKindError};

/// The default name of the ConfigMap with the settings, in Bulkhead's namespace.
pub const SETTINGS_CONFIG_MAP: &str = "bulkhead-settings";
/// The key of the settings in a ConfigMap.
pub const SETTINGS_KEY: &str = "settings.yaml";

/// The settings in use.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the settings")]
pub struct Settings {
    /// Users who act for the platform.
    pub platform_users: BTreeSet<String>,
    /// Groups whose members act for the platform.
    pub platform_groups: BTreeSet<String>,
    /// Groups whose members no rule refuses; every use is logged, counted and audited.
    pub break_glass_groups: BTreeSet<String>,
    /// Groups whose members may each create a Tenant for themselves.
    pub self_service_groups: BTreeSet<String>,
    /// Namespaces of the platform, which belong to no tenant even if their labels say so.
    pub platform_namespaces: BTreeSet<String>,
    /// Namespaces of shared services.
    pub shared_namespaces: BTreeSet<String>,
    /// Prefixes of the namespace names that only the platform may create.
    pub reserved_prefixes: BTreeSet<String>,
    /// The cluster's DNS.
    pub dns: Dns,
    /// The account of Bulkhead's controller.
    pub controller: String,
    /// The mesh's root namespace, in which istiod runs.
    pub mesh_root: String,
    /// The SPIFFE trust domain, the prefix of every principal; `cluster.local` matches the mesh's own, under any
    /// name.
    pub trust_domain: String,
    /// The longest life of a mesh certificate, in seconds. Names of deleted tenants stay reserved for as long.
    pub max_certificate_lifetime: i64,
    /// True if istio-cni redirects the traffic, and an init container only validates the redirection.
    pub istio_cni: bool,
    /// The mesh revision of tenants' namespaces; the default revision if absent.
    pub mesh_revision: Option<String>,
    /// Image repositories of the mesh's own proxy.
    pub proxy_images: Vec<Repository>,
    /// The user id of the proxy, whose traffic is not captured.
    pub proxy_user: i64,
    /// Keys of Istio's that a tenant's pods may have with any value, beyond the known ones.
    pub allowed_pod_keys: BTreeSet<String>,
    /// Fields that tenants may use although no table lists them, by kind, with paths such as `spec.hosts[]`.
    pub allowed_fields: BTreeMap<Kind, BTreeSet<String>>,
    /// CSI drivers that pods of tenants may name in their volumes, without a claim.
    pub allowed_csi_drivers: BTreeSet<String>,
    /// Classes of load balancers that Services of tenants may name.
    pub allowed_load_balancer_classes: BTreeSet<String>,
    /// Labels and annotations that Ingresses and routes of tenants may have although gateways act on them.
    pub allowed_route_keys: BTreeSet<String>,
    /// Labels and annotations that Services of tenants may have although they can move traffic.
    pub allowed_service_keys: BTreeSet<String>,
    /// Addresses of name servers that pods of tenants may ask, beside the cluster's.
    pub allowed_nameservers: BTreeSet<String>,
    /// Names of claims on devices, and of their templates, that pods of tenants may use.
    pub allowed_resource_claims: BTreeSet<String>,
    /// Schedulers that pods of tenants may name, beside the default one.
    pub allowed_schedulers: BTreeSet<String>,
    /// Classes of scrapes that ServiceMonitors and PodMonitors of tenants may name.
    pub allowed_scrape_classes: BTreeSet<String>,
    /// Runtime classes that pods of tenants may name in an ambient mesh.
    pub allowed_runtime_classes: BTreeSet<String>,
    /// Signers that may issue certificates to pods of tenants.
    pub allowed_signers: BTreeSet<String>,
    /// The number of labels and annotations that a tenant's namespace may have.
    pub max_namespace_entries: usize,
    /// Kinds that Bulkhead does not know, with the paths of their pod templates.
    pub template_kinds: Vec<TemplateKind>,
    /// Kinds that only the platform may write in namespaces of tenants.
    pub reserved_kinds: Vec<CustomKind>,
    /// Kinds that tenants may write without a rule: the audit does not list them.
    pub reviewed_kinds: Vec<CustomKind>,
    /// Keys of taints that pods of tenants may tolerate only with a grant.
    pub reserved_taints: BTreeSet<String>,
    /// Further keys of namespace labels and annotations that only the platform may set.
    pub protected_keys: BTreeSet<String>,
    /// True if namespaces have the plain label `tenant` in addition to `bulkhead.dev/tenant`.
    pub plain_tenant_label: bool,
    /// The dataplane of tenants without one of their own, and of shared services.
    pub dataplane: Dataplane,
    /// The way in which tenants' proxies treat unknown destinations.
    pub outbound: Outbound,
    /// The mesh's name of the provider with which tenants' proxies log refused calls; absent if they do not log them.
    pub access_log: Option<String>,
    /// Names of tenants' waypoints, with the ambient data plane.
    pub waypoints: Vec<String>,
    pub same_tenant: SameTenant,
    /// The API for Calico's policies, if the cluster has Calico.
    pub calico: Option<Calico>,
    /// True if the network plugin is Cilium.
    pub cilium: bool,
    /// The kind of SIG Network's admin network policies, if the network plugin implements one.
    pub admin_network_policy: Option<AdminPolicyKind>,
    pub gateways: Vec<Gateway>,
    pub egress_gateway: Option<EgressGateway>,
    /// The deny-all mode, if Bulkhead manages the mesh-wide policies.
    pub mesh_wide: Option<DenyAll>,
    /// True if tenants have their own priority level at the API server.
    pub api_fairness: bool,
    /// Namespaces per second that get a baseline that changed for all of them.
    pub rollout_rate: NonZeroU32,
    /// The kind of the reports in tenants' namespaces, if the controller writes them.
    pub reports: Option<ReportKind>,
    /// The writer of the webhook configurations.
    pub registration: Registration,
    /// The modes of rules that do not refuse, by code.
    pub rule_modes: BTreeMap<String, RuleMode>,
}

/// Returns the JSON schema of the settings file.
pub fn schema() -> Schema {
    schemars::schema_for!(File)
}

/// An invalid value in the settings file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(
        "mesh.proxyImages[{index}]: `{value}` is not an image repository; write one without tag and digest, such as \
         `registry.example.com/istio/proxyv2`"
    )]
    ProxyImage { index: usize, value: String },
    #[error(
        "mesh.proxyImages: an empty list would refuse every pod of every tenant; list a repository or remove the key"
    )]
    NoProxyImages,
    #[error("labels.protected[{index}]: `{value}` is not a label key; write one such as `example.com/team`")]
    ProtectedKey { index: usize, value: String },
    #[error("mesh.proxyUser: `{0}` is not a user id for the proxy; write a number above 0")]
    ProxyUser(i64),
    #[error("gateways[{index}].name: `{name}` does not have the form NAMESPACE/NAME")]
    GatewayName { index: usize, name: String },
    #[error(
        "gateways[{index}].selector: must not be empty, because an empty selector selects every pod in the namespace"
    )]
    GatewaySelector { index: usize },
    #[error(
        "egressGateway.selector: must not be empty, because an empty selector selects every pod in the namespace"
    )]
    EgressSelector,
    #[error(
        "network.dns.podLabels: must not be empty, because an empty selector selects every pod in the namespace"
    )]
    DnsSelector,
    #[error(
        "meshWide.denyAll: requires `meshWide.manage: true`, with which Bulkhead writes the policies that allow calls"
    )]
    DenyAllUnmanaged,
    #[error("podTemplates[{index}].{error}")]
    TemplateKind { index: usize, error: TemplateKindError },
    #[error("platform.{key}[{index}].{error}")]
    CustomKind { key: &'static str, index: usize, error: CustomKindError },
    #[error("rules.{0}: is not a rule; `bulkhead explain` lists the codes")]
    UnknownRule(String),
    #[error(
        "rules.{0}: always refuses, because it protects names, the baseline, identities or what other rules rely on; remove it"
    )]
    RuleWithoutMode(String),
}

/// The namespace in which the injector is asked for a reference. No pod is ever stored in it.
pub const PROBE_NAMESPACE: &str = "bulkhead-probe";

const PLATFORM_GROUPS: &[&str] = &["system:masters"];
const PLATFORM_NAMESPACES: &[&str] = &[
    PROBE_NAMESPACE,
    "bulkhead-system",
    "default",
    "istio-system",
    "kube-node-lease",
    "kube-public",
    KUBE_SYSTEM,
];
const RESERVED_PREFIXES: &[&str] = &["istio-", "kube-"];
/// The repositories to which Istio publishes its proxy.
const PROXY_IMAGES: &[&str] =
    &["docker.io/istio/proxyv2", "gcr.io/istio-release/proxyv2", "registry.istio.io/release/proxyv2"];
const PROXY_USER: i64 = 1337;
/// istiod's default for the longest life of a certificate.
const MAX_CERTIFICATE_DAYS: u32 = 90;
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// Istio's default access log provider.
const ACCESS_LOG: &str = "envoy";
/// The default name of `istioctl waypoint apply`.
const WAYPOINTS: &[&str] = &["waypoint"];
/// Namespaces a second.
const ROLLOUT_RATE: NonZeroU32 = NonZeroU32::new(20).unwrap();
const CONTROLLER_ACCOUNT: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";
const MESH_ROOT: &str = "istio-system";
const TRUST_DOMAIN: &str = "cluster.local";

impl TryFrom<File> for Settings {
    type Error = SettingsError;

    fn try_from(mut file: File) -> Result<Self, SettingsError> {
        if let Some(user) = file.mesh.proxy_user.filter(|user| *user <= 0) {
            return Err(SettingsError::ProxyUser(user));
        }
        let is_key = |key: &str| {
            let is_key_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
            !key.is_empty() && key.bytes().all(is_key_byte)
        };
        if let Some((index, value)) = file.labels.protected.iter().enumerate().find(|(_, key)| !is_key(key)) {
            return Err(SettingsError::ProtectedKey { index, value: value.clone() });
        }
        validate_gateways(&file)?;
        if file.network.dns.selects_every_pod() {
            return Err(SettingsError::DnsSelector);
        }
        validate_template_kinds(&file.pod_templates)?;
        validate_custom_kinds("reservedKinds", file.platform.reserved_kinds.as_deref().unwrap_or_default())?;
        validate_custom_kinds("reviewedKinds", &file.platform.reviewed_kinds)?;
        if file.mesh_wide.deny_all > DenyAll::Disabled && !file.mesh_wide.manage {
            return Err(SettingsError::DenyAllUnmanaged);
        }
        let images = file.mesh.proxy_images.take().map(repositories).transpose()?;
        let mut settings = Self::from_file(file);
        if let Some(images) = images {
            settings.proxy_images = images;
        }
        Ok(settings)
    }
}

fn repositories(images: Vec<String>) -> Result<Vec<Repository>, SettingsError> {
    if images.is_empty() {
        return Err(SettingsError::NoProxyImages);
    }
    let images = images.into_iter().enumerate();
    images
        .map(|(index, value)| Repository::parse(&value).ok_or(SettingsError::ProxyImage { index, value }))
        .collect()
}

/// Checks the names and selectors of the gateways.
fn validate_gateways(file: &File) -> Result<(), SettingsError> {
    for (index, gateway) in file.gateways.iter().enumerate() {
        let parts: Vec<&str> = gateway.name.split('/').collect();
        if parts.len() != 2 || parts.contains(&"") {
            return Err(SettingsError::GatewayName { index, name: gateway.name.clone() });
        }
        if gateway.selector.is_empty() {
            return Err(SettingsError::GatewaySelector { index });
        }
    }
    if file.egress_gateway.as_ref().is_some_and(|gateway| gateway.selector.is_empty()) {
        return Err(SettingsError::EgressSelector);
    }
    Ok(())
}

fn validate_custom_kinds(key: &'static str, kinds: &[CustomKind]) -> Result<(), SettingsError> {
    for (index, kind) in kinds.iter().enumerate() {
        kind.validate().map_err(|error| SettingsError::CustomKind { key, index, error })?;
    }
    Ok(())
}

fn validate_template_kinds(kinds: &[TemplateKind]) -> Result<(), SettingsError> {
    for (index, kind) in kinds.iter().enumerate() {
        let earlier = kinds.get(..index).unwrap_or_default();
        kind.validate(earlier).map_err(|error| SettingsError::TemplateKind { index, error })?;
    }
    Ok(())
}

impl Default for Settings {
    fn default() -> Self {
        Self::from_file(File::default())
    }
}

impl Settings {
    /// Applies the defaults. The caller sets the proxy's images.
    fn from_file(file: File) -> Self {
        let set = |written: Option<Vec<String>>, default: &[&str]| {
            written.unwrap_or_else(|| owned(default)).into_iter().collect()
        };
        Self {
            platform_users: file.platform.users.into_iter().collect(),
            platform_groups: set(file.platform.groups, PLATFORM_GROUPS),
            break_glass_groups: file.platform.break_glass_groups.into_iter().collect(),
            self_service_groups: file.platform.self_service_groups.into_iter().collect(),
            platform_namespaces: set(file.platform.namespaces, PLATFORM_NAMESPACES),
            shared_namespaces: file.platform.shared_namespaces.into_iter().collect(),
            reserved_prefixes: set(file.platform.namespace_prefixes, RESERVED_PREFIXES),
            dns: file.network.dns.into(),
            controller: file.platform.controller.unwrap_or_else(|| CONTROLLER_ACCOUNT.to_owned()),
            mesh_root: file.mesh.root_namespace.unwrap_or_else(|| MESH_ROOT.to_owned()),
            trust_domain: file.mesh.trust_domain.unwrap_or_else(|| TRUST_DOMAIN.to_owned()),
            max_certificate_lifetime: i64::from(
                file.mesh.max_certificate_days.unwrap_or(MAX_CERTIFICATE_DAYS),
            ) * SECONDS_PER_DAY,
            istio_cni: file.mesh.istio_cni.unwrap_or(false),
            mesh_revision: file.mesh.revision,
            proxy_images: PROXY_IMAGES.iter().filter_map(|image| Repository::parse(image)).collect(),
            proxy_user: file.mesh.proxy_user.unwrap_or(PROXY_USER),
            allowed_pod_keys: file.mesh.allowed_pod_keys.into_iter().collect(),
            allowed_fields: file.allowed_fields,
            allowed_csi_drivers: file.allowed_csi_drivers,
            allowed_load_balancer_classes: file.allowed_load_balancer_classes,
            allowed_route_keys: file.allowed_route_keys,
            allowed_service_keys: file.allowed_service_keys,
            allowed_nameservers: file.allowed_nameservers,
            allowed_resource_claims: file.allowed_resource_claims,
            allowed_schedulers: file.allowed_schedulers,
            allowed_scrape_classes: file.allowed_scrape_classes,
            allowed_runtime_classes: file.allowed_runtime_classes,
            allowed_signers: file.allowed_signers,
            template_kinds: file.pod_templates,
            reserved_kinds: file
                .platform
                .reserved_kinds
                .unwrap_or_else(|| custom_kind::reserved_by_default().map(CustomKind::new).collect()),
            reviewed_kinds: file.platform.reviewed_kinds,
            reserved_taints: file.reserved_taints,
            protected_keys: file.labels.protected.into_iter().collect(),
            max_namespace_entries: file.labels.max_entries.unwrap_or(1_000),
            plain_tenant_label: file.labels.tenant.unwrap_or(true),
            dataplane: file.mesh.dataplane,
            outbound: file.mesh.outbound,
            access_log: Some(file.mesh.access_log.unwrap_or_else(|| ACCESS_LOG.to_owned()))
                .filter(|provider| !provider.is_empty()),
            waypoints: file.mesh.waypoints.unwrap_or_else(|| owned(WAYPOINTS)),
            same_tenant: file.network.same_tenant,
            calico: file.network.calico,
            cilium: file.network.cilium,
            admin_network_policy: file.network.admin_network_policy,
            gateways: file.gateways,
            egress_gateway: file.egress_gateway,
            mesh_wide: file.mesh_wide.manage.then_some(file.mesh_wide.deny_all),
            api_fairness: file.baseline.api_fairness.unwrap_or(true),
            rollout_rate: file.baseline.rollout_rate.unwrap_or(ROLLOUT_RATE),
            reports: file.audit.reports,
            registration: file.registration,
            rule_modes: file.rules,
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

impl Settings {
    pub fn rule_mode(&self, code: &str) -> RuleMode {
        self.rule_modes.get(code).copied().unwrap_or_default()
    }

    /// True if tenants may use a field of `kind` that no table lists; `path` has no indices.
    pub fn allows_field(&self, kind: Kind, path: &str) -> bool {
        self.allowed_fields.get(&kind).is_some_and(|paths| {
            paths.iter().any(|allowed| {
                path.strip_prefix(allowed.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
            })
        })
    }

    /// Returns the kind with pod templates that has this resource.
    pub fn template_kind(&self, group: &str, resource: &str) -> Option<&TemplateKind> {
        self.template_kinds.iter().find(|kind| kind.group == group && kind.resource == resource)
    }

    /// Returns the kinds that Bulkhead does not know and the settings list: the kind as which an object is judged, and the
    /// group, kind and plural name.
    pub fn custom_kinds(&self) -> impl Iterator<Item = (Kind, [&str; 3])> {
        let templates = self.template_kinds.iter().map(|TemplateKind { group, kind, resource, .. }| {
            (Kind::PodTemplate, [group.as_str(), kind.as_str(), resource.as_str()])
        });
        let reserved = self.reserved_kinds.iter().map(|CustomKind { group, kind, resource }| {
            (Kind::Unread, [group.as_str(), kind.as_str(), resource.as_str()])
        });
        templates.chain(reserved)
    }

    /// Returns the group, kind and plural name of the reports that the controller writes.
    pub fn report_kind(&self) -> Option<[&'static str; 3]> {
        self.reports.map(ReportKind::names)
    }

    /// True if the resource is that of the reports that the controller writes.
    pub fn is_report(&self, group: &str, resource: &str) -> bool {
        self.report_kind().is_some_and(|[own_group, _, own]| (own_group, own) == (group, resource))
    }

    /// True if the settings say how objects of this resource are treated, although Bulkhead does not know their kind.
    pub fn knows(&self, group: &str, resource: &str) -> bool {
        let is_it = |kind: &CustomKind| kind.group == group && kind.resource == resource;
        self.template_kind(group, resource).is_some()
            || self.is_report(group, resource)
            || self.reserved_kinds.iter().chain(&self.reviewed_kinds).any(is_it)
    }

    /// True if tenants may write this kind, although Bulkhead does not know it.
    pub fn is_reviewed(&self, group: &str, kind: &str) -> bool {
        self.reviewed_kinds.iter().any(|known| known.group == group && known.kind == kind)
    }

    /// True if only the platform may write this resource in namespaces of tenants.
    pub fn is_reserved(&self, group: &str, resource: &str) -> bool {
        self.reserved_kinds.iter().any(|kind| kind.group == group && kind.resource == resource)
    }

    /// True if the mesh-wide deny-all policy exists, also as a dry run.
    pub fn denies_all(&self) -> bool {
        self.mesh_wide.is_some_and(|deny_all| deny_all > DenyAll::Disabled)
    }

    pub fn gateway(&self, name: &str) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.name == name)
    }

    /// Returns the platform's gateways, by their names in messages, each with the labels of its pods.
    pub fn gateway_pods(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>)> {
        let egress = self.egress_gateway.iter().map(|gateway| (&*gateway.service, &gateway.selector));
        self.gateways.iter().map(|gateway| (&*gateway.name, &gateway.selector)).chain(egress)
    }

    /// True if rules or policies trust a namespace because of its name.
    pub fn trusts_namespace(&self, namespace: &str) -> bool {
        self.is_listed_platform_namespace(namespace)
            || self.is_gateway_namespace(namespace)
            || self.dns.namespace == namespace
            || self.has_trusted_accounts(namespace)
    }

    /// True if the baseline has a policy for the waypoints of this name.
    pub fn lists_waypoint(&self, name: &str) -> bool {
        self.waypoints.iter().any(|known| known == name)
    }

    /// True if only the platform may create a namespace of this name, because the settings name it or a prefix of it.
    pub fn reserves_namespace_name(&self, name: &str) -> bool {
        self.trusts_namespace(name)
            || self.reserved_prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// True if the namespace is that of a gateway of the settings, or of the egress gateway.
    pub fn is_gateway_namespace(&self, namespace: &str) -> bool {
        self.gateways.iter().any(|gateway| gateway.namespace() == namespace)
            || self.egress_gateway.as_ref().is_some_and(|gateway| gateway.namespace == namespace)
    }

    /// Returns the namespaces all of whose accounts are trusted by name.
    pub fn fully_trusted_namespaces(&self) -> impl Iterator<Item = &str> {
        let egress = self.egress_gateway.iter().map(|gateway| gateway.namespace.as_str());
        let groups = self.platform_groups.iter().chain(&self.break_glass_groups);
        let groups = groups.filter_map(|group| group.strip_prefix(SERVICE_ACCOUNTS_GROUP));
        let own: BTreeSet<&str> = egress
            .chain(self.controller_namespace())
            .chain([self.mesh_root.as_str()])
            .chain(groups)
            .collect();
        own.into_iter()
    }

    /// Returns the other accounts that are trusted by name, each with its namespace.
    pub fn trusted_accounts(&self) -> impl Iterator<Item = (&str, &str)> {
        let controllers = kube_controllers().map(|name| (KUBE_SYSTEM, name));
        let gateways = self.gateways.iter();
        let gateways = gateways.map(|gateway| (gateway.namespace(), gateway.service_account.as_str()));
        let platform = self.platform_users.iter().filter_map(|user| service_account(user));
        controllers.chain(gateways).chain(platform)
    }

    /// True if rules or policies trust this account because of its name.
    pub fn trusts_account(&self, namespace: &str, account: &str) -> bool {
        self.fully_trusted_namespaces().any(|known| known == namespace)
            || self.trusted_accounts().any(|known| known == (namespace, account))
    }

    /// True if an account of the namespace is trusted by name.
    pub fn has_trusted_accounts(&self, namespace: &str) -> bool {
        self.fully_trusted_namespaces()
            .chain(self.trusted_accounts().map(|(known, _)| known))
            .any(|known| known == namespace)
    }

    /// Returns the namespace of the controller's service account.
    pub fn controller_namespace(&self) -> Option<&str> {
        service_account(&self.controller).map(|(namespace, _)| namespace)
    }

    /// Returns the namespaces in which only the platform writes, without those of SharedServices that the settings do
    /// not list.
    pub fn protected_namespaces(&self) -> impl Iterator<Item = &str> {
        let shared = self.shared_namespaces.iter().map(String::as_str);
        shared.chain(self.controller_namespace()).chain([self.mesh_root.as_str(), PROBE_NAMESPACE])
    }

    /// True if the namespace is the platform's because of the settings, whatever its labels say. Does not look at the
    /// reserved prefixes.
    pub fn is_listed_platform_namespace(&self, namespace: &str) -> bool {
        self.platform_namespaces.contains(namespace) || self.is_protected(namespace)
    }

    /// True if only the platform writes in the namespace because of the settings.
    pub fn is_protected(&self, namespace: &str) -> bool {
        self.protected_namespaces().any(|known| known == namespace)
    }
}
