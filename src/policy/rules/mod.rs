//! The rules, one file each: manual, examples and check. Tables, registration and tests are derived from [`RULES`].

mod bh101_unowned_namespace;
mod bh102_foreign_tenant_label;
mod bh103_protected_namespace_key;
mod bh104_reserved_namespace_name;
mod bh105_namespace_attachment;
mod bh106_namespace_quota;
mod bh107_overlapping_tenant;
mod bh108_tenant_in_use;
mod bh109_unacknowledged_findings;
mod bh110_retired_name;
mod bh201_baseline_removed;
mod bh202_baseline_altered;
mod bh203_workload_before_baseline;
mod bh204_baseline_shadowed;
mod bh301_missing_sidecar;
mod bh302_sidecar_opt_out;
mod bh303_mesh_metadata;
mod bh304_counterfeit_proxy;
mod bh310_proxy_volume;
mod bh316_init_before_capture;
mod bh401_shared_namespace_write;
mod bh402_shared_identity_name;
mod bh403_mesh_token;
mod bh404_token_secret;
mod bh501_open_peer;
mod bh502_foreign_peer;
mod bh605_reserved_header;
mod bh608_open_egress;
mod bh609_uncaptured_listener;
mod bh701_permissive_mtls;
mod bh704_ignored_policy;
mod bh707_silenced_log;
mod bh901_platform_only_kind;
mod bh907_proxy_extension;
mod bh908_unknown_field;

use super::object::NamespaceView;
use super::{Request, Retry, RuleReport};
use crate::kinds::{Kind, Operation, Resource};
use crate::snapshot::Actor;

pub use bh103_protected_namespace_key::PROBE_REFUSED;
pub use bh404_token_secret::SERVICE_ACCOUNT_TOKEN;

/// Every rule, in the order of the codes.
pub static RULES: &[&Rule] = &[
    &bh101_unowned_namespace::RULE,
    &bh102_foreign_tenant_label::RULE,
    &bh103_protected_namespace_key::RULE,
    &bh104_reserved_namespace_name::RULE,
    &bh105_namespace_attachment::RULE,
    &bh106_namespace_quota::RULE,
    &bh107_overlapping_tenant::RULE,
    &bh108_tenant_in_use::RULE,
    &bh109_unacknowledged_findings::RULE,
    &bh110_retired_name::RULE,
    &bh201_baseline_removed::RULE,
    &bh202_baseline_altered::RULE,
    &bh203_workload_before_baseline::RULE,
    &bh204_baseline_shadowed::RULE,
    &bh301_missing_sidecar::RULE,
    &bh302_sidecar_opt_out::RULE,
    &bh303_mesh_metadata::RULE,
    &bh304_counterfeit_proxy::RULE,
    &bh310_proxy_volume::RULE,
    &bh316_init_before_capture::RULE,
    &bh401_shared_namespace_write::RULE,
    &bh402_shared_identity_name::RULE,
    &bh403_mesh_token::RULE,
    &bh404_token_secret::RULE,
    &bh501_open_peer::RULE,
    &bh502_foreign_peer::RULE,
    &bh605_reserved_header::RULE,
    &bh608_open_egress::RULE,
    &bh609_uncaptured_listener::RULE,
    &bh701_permissive_mtls::RULE,
    &bh704_ignored_policy::RULE,
    &bh707_silenced_log::RULE,
    &bh901_platform_only_kind::RULE,
    &bh907_proxy_extension::RULE,
    &bh908_unknown_field::RULE,
];

/// A rule, as data.
#[derive(Debug)]
pub struct Rule {
    /// The code, which is never reused for another rule.
    pub code: &'static str,
    pub name: &'static str,
    /// The kinds that the rule judges.
    pub kinds: &'static [Kinds],
    /// The classes of namespaces in which the rule applies.
    pub scopes: &'static [NamespaceClass],
    /// Labels of a namespace that the rule reads: a write that changes none of them need not be sent.
    pub watched_labels: &'static [&'static str],
    /// True if an existing violation is only a warning while the fields that the rule reads stay unchanged.
    pub ratchet: bool,
    /// The retry that may admit a refused request: a newer snapshot can differ.
    pub retry: Retry,
    /// The text of the rule's file; its header is the manual.
    pub source: &'static str,
    pub check: fn(&Request<'_>, &mut RuleReport),
}

/// A class of namespaces in which a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceClass {
    /// Objects without a namespace, and Namespaces themselves.
    ClusterScoped,
    /// Namespaces of tenants.
    Tenant,
    /// Namespaces of shared services.
    SharedService,
    /// The mesh's root namespace, if Bulkhead manages the mesh-wide policies.
    MeshRoot,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug)]
pub enum Kinds {
    /// Pods, and the kinds that create pods from a template.
    Workloads,
    /// The kinds that the baseline has objects of.
    Managed,
    Only(&'static [Kind]),
}

/// Returns the written Namespace and its old version, if it belongs to a tenant or to shared services, or belonged to a
/// tenant, and neither the platform nor Bulkhead writes it.
fn untrusted_namespace_write<'r>(
    request: &Request<'r>,
) -> Option<(&'r NamespaceView<'r>, Option<&'r NamespaceView<'r>>)> {
    let (new, old) = request.written_namespace()?;
    let has_tenant = |namespace: &NamespaceView<'_>| namespace.tenant().is_some();
    let is_shared_namespace =
        request.snapshot.settings.shared_namespaces.contains(new.metadata.name_or_generate_name());
    let is_trusted = matches!(request.actor(), Actor::Platform | Actor::Bulkhead);
    (!is_trusted && (is_shared_namespace || has_tenant(new) || old.is_some_and(has_tenant)))
        .then_some((new, old))
}

/// Returns the resources in tenants' namespaces that rules judge and that can be listed.
pub fn audited_resources() -> impl Iterator<Item = Resource> {
    Resource::all().filter(|resource| {
        let is_judged = RULES
            .iter()
            .any(|rule| rule.scopes.contains(&NamespaceClass::Tenant) && rule.judges(resource.kind));
        is_judged && resource.subresource.is_empty() && resource.operations.contains(&Operation::Update)
    })
}

impl Kinds {
    fn contain(self, kind: Kind) -> bool {
        match self {
            Self::Workloads => kind.is_workload(),
            Self::Managed => kind.is_managed(),
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}

impl Rule {
    pub fn find(code: &str) -> Option<&'static Self> {
        RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
    }

    /// True if the rule judges writes of `kind`.
    pub fn judges(&self, kind: Kind) -> bool {
        self.kinds.iter().any(|kinds| kinds.contain(kind))
    }

    /// True for the rules about objects with baseline names, and about pods before the baseline.
    pub fn is_baseline_rule(&self) -> bool {
        ["BH201", "BH202", "BH203"].contains(&self.code)
    }

    /// True if the rule only warns for an observed tenant. Rules about namespaces and identities always refuse.
    pub fn warns_when_observed(&self) -> bool {
        !["BH1", "BH4"].iter().any(|family| self.code.starts_with(family))
    }

    /// True if an Exemption can switch the rule off for its target.
    pub fn can_be_exempted(&self) -> bool {
        self.code.starts_with("BH3")
    }

    /// Returns the manual as Markdown.
    pub fn manual(&self) -> String {
        let header = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        header.fold(String::new(), |manual, line| manual + line.strip_prefix(' ').unwrap_or(line) + "\n")
    }

    /// Returns the first sentence of the manual, which says what the rule refuses.
    pub fn summary(&self) -> String {
        let manual = self.manual();
        let mut lines = manual.lines().skip_while(|line| *line != "## What it refuses").skip(1);
        let paragraph: Vec<&str> =
            lines.by_ref().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
        let text = paragraph.join(" ");
        text.split_once(". ").map_or(text.clone(), |(first, _)| format!("{first}."))
    }
}
