//! The rules, one file each: manual, examples and check. Tables, registration and tests are derived from [`RULES`].

mod check;
mod kinds;
mod limits;
mod manual;
mod rule;

// Rules import these from here.
use super::{Request, Retry, RuleReport, Trust, object::NamespaceView, quote, quote_all};
use crate::kinds::{Kind, Operation, Resource};
use crate::settings::{Settings, SettingsError};

pub use bh103_protected_namespace_key::PROBE_REFUSED;
pub use bh404_token_secret::SERVICE_ACCOUNT_TOKEN;
pub use bh406_mesh_root_certificate::MESH_CONFIG_MAPS;
pub use check::Check;
pub use kinds::Kinds;
pub use rule::{Family, NamespaceClass, Rule};

/// Completes the rule of a file with the manual of that file.
macro_rules! rule {
    ($file:ident) => {
        $file::RULE.registered(include_str!(concat!(stringify!($file), ".rs")))
    };
}

/// Declares a module for each rule's file, and [`RULES`].
macro_rules! rules {
    ($($file:ident)*) => {
        $(mod $file;)*

        /// Every rule, in the order of the codes.
        pub static RULES: &[Rule] = &[$(rule!($file)),*];
    };
}

// `cargo fmt` does not find these files: `scripts/lint` names them.
rules! {
    bh101_unowned_namespace
    bh102_foreign_tenant_label
    bh103_protected_namespace_key
    bh104_reserved_namespace_name
    bh105_namespace_attachment
    bh106_namespace_quota
    bh107_overlapping_tenant
    bh108_tenant_in_use
    bh109_unacknowledged_findings
    bh110_retired_name
    bh111_terminating_tenant
    bh112_shared_service_in_use
    bh113_foreign_member
    bh114_namespace_metadata_count
    bh201_baseline_removed
    bh202_baseline_altered
    bh203_workload_before_baseline
    bh204_baseline_shadowed
    bh301_missing_sidecar
    bh302_sidecar_opt_out
    bh303_mesh_metadata
    bh304_counterfeit_proxy
    bh305_proxy_identity
    bh306_host_namespace
    bh307_privileged_container
    bh308_node_volume
    bh309_shared_process_namespace
    bh310_proxy_volume
    bh311_node_placement
    bh313_foreign_network
    bh314_proxy_exec
    bh316_init_before_capture
    bh317_foreign_probe
    bh318_host_port
    bh319_own_resolver
    bh320_system_priority
    bh321_foreign_volume
    bh322_device_claim
    bh323_proxy_port
    bh324_gateway_pod
    bh401_protected_namespace
    bh402_shared_identity_name
    bh403_mesh_token
    bh404_token_secret
    bh405_pod_address
    bh406_mesh_root_certificate
    bh407_trusted_credential
    bh408_foreign_certificate
    bh501_open_peer
    bh502_foreign_peer
    bh601_foreign_host
    bh602_foreign_destination
    bh603_exported_config
    bh604_foreign_gateway
    bh605_reserved_header
    bh606_tls_downgrade
    bh607_cluster_address
    bh608_open_egress
    bh609_uncaptured_listener
    bh610_foreign_delegate
    bh611_claimed_host
    bh612_foreign_gateway_pod
    bh613_open_entry
    bh701_permissive_mtls
    bh703_foreign_principal
    bh704_ignored_policy
    bh705_key_source
    bh707_silenced_log
    bh708_lost_deny
    bh801_external_ip
    bh802_external_name
    bh803_manual_endpoints
    bh804_service_key
    bh805_load_balancer_class
    bh806_foreign_route
    bh807_ingress_for_all
    bh808_route_key
    bh809_foreign_scrape
    bh901_platform_only_kind
    bh902_external_workload
    bh903_foreign_subject
    bh904_service_status
    bh905_reserved_kind
    bh906_gateway_object
    bh907_proxy_extension
    bh908_unknown_field
    bh909_waypoint_without_policy
}

/// The rule that protects the keys of namespaces, and refuses the probe.
pub static PROTECTED_NAMESPACE_KEY: Rule = rule!(bh103_protected_namespace_key);
/// The rule that keeps baseline objects from being deleted. An audit reports missing ones by it.
pub static BASELINE_REMOVED: Rule = rule!(bh201_baseline_removed);
/// The rule that keeps baseline objects as they are. An audit reports wrong labels by it.
pub static BASELINE_ALTERED: Rule = rule!(bh202_baseline_altered);

impl Rule {
    pub fn find(code: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.code().eq_ignore_ascii_case(code))
    }
}

/// Checks that the settings set the mode of no other rules than those that can have one.
pub fn check_modes(settings: &Settings) -> Result<(), SettingsError> {
    for code in settings.rule_modes.keys() {
        match RULES.iter().find(|rule| rule.code() == code) {
            None => return Err(SettingsError::UnknownRule(code.clone())),
            Some(rule) if !rule.has_modes() => return Err(SettingsError::RuleWithoutMode(code.clone())),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Returns the resources in tenants' namespaces that rules judge and that can be listed.
pub fn audited_resources() -> impl Iterator<Item = Resource> {
    Resource::all().filter(|resource| {
        let is_judged = RULES
            .iter()
            .any(|rule| rule.judges(resource.kind) && rule.scopes().contains(&NamespaceClass::Tenant));
        is_judged
            && resource.kind.is_audited()
            && resource.subresource.is_empty()
            && resource.operations.contains(&Operation::Update)
    })
}
