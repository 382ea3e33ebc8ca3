use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::components::{
    AdminPolicyKind, Calico, DenyAll, EgressGateway, Gateway, Outbound, Registration, ReportKind, RuleMode,
    SameTenant,
};
use super::custom_kind::CustomKind;
use super::dns::DnsFile;
use super::template_kind::TemplateKind;
use crate::api::Dataplane;
use crate::kinds::Kind;

/// The settings file as it is written. An unknown key is an error that names its line.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct File {
    /// `bulkhead.dev/v1alpha1`, so that a folder of manifests can also hold the settings.
    #[serde(rename = "apiVersion")]
    _api_version: String,
    /// `Settings`.
    #[serde(rename = "kind")]
    _kind: String,
    pub(super) platform: Platform,
    pub(super) mesh: Mesh,
    pub(super) network: Network,
    pub(super) gateways: Vec<Gateway>,
    pub(super) egress_gateway: Option<EgressGateway>,
    pub(super) mesh_wide: MeshWide,
    pub(super) baseline: Baseline,
    pub(super) labels: Labels,
    pub(super) audit: Audit,
    pub(super) registration: Registration,
    pub(super) rules: BTreeMap<String, RuleMode>,
    #[schemars(with = "BTreeMap<String, BTreeSet<String>>")]
    pub(super) allowed_fields: BTreeMap<Kind, BTreeSet<String>>,
    pub(super) allowed_csi_drivers: BTreeSet<String>,
    pub(super) allowed_load_balancer_classes: BTreeSet<String>,
    pub(super) allowed_route_keys: BTreeSet<String>,
    pub(super) allowed_service_keys: BTreeSet<String>,
    pub(super) allowed_nameservers: BTreeSet<String>,
    pub(super) allowed_resource_claims: BTreeSet<String>,
    pub(super) allowed_schedulers: BTreeSet<String>,
    pub(super) allowed_scrape_classes: BTreeSet<String>,
    pub(super) allowed_runtime_classes: BTreeSet<String>,
    pub(super) allowed_signers: BTreeSet<String>,
    pub(super) pod_templates: Vec<TemplateKind>,
    pub(super) reserved_taints: BTreeSet<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Platform {
    pub(super) users: Vec<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) break_glass_groups: Vec<String>,
    pub(super) self_service_groups: Vec<String>,
    pub(super) controller: Option<String>,
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) shared_namespaces: Vec<String>,
    pub(super) namespace_prefixes: Option<Vec<String>>,
    pub(super) reserved_kinds: Option<Vec<CustomKind>>,
    pub(super) reviewed_kinds: Vec<CustomKind>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Mesh {
    pub(super) dataplane: Dataplane,
    pub(super) revision: Option<String>,
    pub(super) outbound: Outbound,
    pub(super) access_log: Option<String>,
    pub(super) waypoints: Option<Vec<String>>,
    pub(super) istio_cni: Option<bool>,
    pub(super) proxy_images: Option<Vec<String>>,
    pub(super) proxy_user: Option<i64>,
    pub(super) allowed_pod_keys: Vec<String>,
    pub(super) root_namespace: Option<String>,
    pub(super) trust_domain: Option<String>,
    pub(super) max_certificate_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Network {
    pub(super) dns: DnsFile,
    pub(super) same_tenant: SameTenant,
    pub(super) calico: Option<Calico>,
    pub(super) cilium: bool,
    pub(super) admin_network_policy: Option<AdminPolicyKind>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct MeshWide {
    pub(super) manage: bool,
    pub(super) deny_all: DenyAll,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Baseline {
    pub(super) api_fairness: Option<bool>,
    pub(super) rollout_rate: Option<NonZeroU32>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Labels {
    pub(super) tenant: Option<bool>,
    pub(super) protected: Vec<String>,
    pub(super) max_entries: Option<usize>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Audit {
    pub(super) reports: Option<ReportKind>,
}
