//! The mesh configuration of each revision: the ConfigMap `istio` in the mesh's root namespace.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::mesh::of_each_revision;
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::settings::Settings;
use crate::snapshot::Snapshot;

pub(super) const CHECK: Check = Check {
    name: "mesh-configuration",
    severity: Severity::Error,
    expects: "The mesh configuration has the root namespace, the trust domain and the access log provider of the settings, no \
              alias of the trust domain, automatic mTLS and a normalization of paths, and does not hide Services from other \
              namespaces. With `Ambient` it has `serviceEntryVisibility`, and \
              beside sidecars `ISTIO_META_ENABLE_HBONE`.",
    run: |inspection| Box::pin(run(inspection)),
};

/// The parts of Istio's MeshConfig that the check reads.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MeshConfig {
    root_namespace: Option<String>,
    trust_domain: Option<String>,
    trust_domain_aliases: Vec<String>,
    outbound_traffic_policy: OutboundTrafficPolicy,
    path_normalization: PathNormalization,
    default_service_export_to: Vec<String>,
    discovery_selectors: Vec<IgnoredAny>,
    enable_auto_mtls: Option<bool>,
    extension_providers: Vec<ExtensionProvider>,
    service_entry_visibility: Option<IgnoredAny>,
    default_config: ProxyConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProxyConfig {
    proxy_metadata: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutboundTrafficPolicy {
    mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PathNormalization {
    normalization: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ExtensionProvider {
    name: String,
}

/// The providers of access logs that every mesh has.
const BUILT_IN_PROVIDERS: [&str; 1] = ["envoy"];
/// Makes sidecars send and accept tunnels.
const HBONE_METADATA: &str = "ISTIO_META_ENABLE_HBONE";
/// Istio's default of the trust domain. In a policy it stands for the mesh's own.
const DEFAULT_TRUST_DOMAIN: &str = "cluster.local";

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let dataplanes = Dataplanes::of(&*inspection.snapshot().await?);
    let mut problems = Vec::new();
    for (object, found) in of_each_revision::<ConfigMap>(inspection, "istio").await? {
        match found {
            Ok(Some(map)) => match read(&map) {
                Ok(mesh) => problems.extend(judge(&object, &mesh, &inspection.settings, dataplanes)),
                Err(error) => {
                    problems.push(Unread::new(format!("{object}: {error}"), "correct the YAML").into());
                }
            },
            Ok(None) => problems.push(missing(object)),
            Err(unread) => problems.push(unread.into()),
        }
    }
    Ok(problems)
}

fn missing(object: String) -> Problem {
    let message = "does not exist, so the mesh configuration is not visible: istiod runs in another cluster, or the setting \
                   `mesh.rootNamespace` is wrong";
    Problem::warning(
        object,
        message,
        "compare the mesh configuration with the table in docs/doctor.md by hand",
    )
}

fn read(map: &ConfigMap) -> Result<MeshConfig, String> {
    let yaml = map.data.as_ref().and_then(|data| data.get("mesh")).ok_or("has no key `mesh`")?;
    serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
}

/// The dataplanes of the pods in the mesh.
#[derive(Clone, Copy)]
struct Dataplanes {
    has_captured_pods: bool,
    has_sidecars: bool,
}

impl Dataplanes {
    fn of(snapshot: &Snapshot) -> Self {
        Self { has_captured_pods: snapshot.has_captured_pods(), has_sidecars: snapshot.has_sidecars() }
    }
}

fn judge(object: &str, mesh: &MeshConfig, settings: &Settings, dataplanes: Dataplanes) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    problems.extend(judge_identity(object, mesh, settings));
    problems.extend(judge_traffic(object, mesh));
    if dataplanes.has_captured_pods && mesh.service_entry_visibility.is_none() {
        problems.push(Problem::warning(
            object,
            "has no `serviceEntryVisibility`: ztunnel ignores `exportTo`, so the ServiceEntries of each namespace hold in every \
             namespace",
            "set `serviceEntryVisibility: {defaultVisibility: NAMESPACE}`, with `policies` for those that others need",
        ));
    }
    let metadata = &mesh.default_config.proxy_metadata;
    let has_tunnels = metadata.get(HBONE_METADATA).is_some_and(|value| value == "true");
    if dataplanes.has_captured_pods && dataplanes.has_sidecars && !has_tunnels {
        problems.push(Problem::warning(
            object,
            format!(
                "has no `{HBONE_METADATA}` in `defaultConfig.proxyMetadata`, so calls between pods with a sidecar and captured \
                 pods are refused"
            ),
            "set it to `\"true\"`, as the profile `ambient` does, and restart the pods that have a sidecar",
        ));
    }
    if let Some(provider) = &settings.access_log {
        let mut known = mesh.extension_providers.iter().map(|known| known.name.as_str());
        if !BUILT_IN_PROVIDERS.contains(&provider.as_str()) && !known.any(|known| known == provider) {
            problems.push(Problem::error(
                object,
                format!("has no extension provider `{provider}`, which tenants' access logs name"),
                "add it to `extensionProviders`, or correct `mesh.accessLog`",
            ));
        }
    }
    problems
}

/// Judges the names of the mesh.
fn judge_identity(object: &str, mesh: &MeshConfig, settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(root) = mesh.root_namespace.as_ref().filter(|root| **root != settings.mesh_root) {
        problems.push(Problem::error(
            object,
            format!("has the root namespace `{root}`, whose policies apply to the whole mesh"),
            format!("set `mesh.rootNamespace: {root}`"),
        ));
    }
    let trust_domain = mesh.trust_domain.as_deref().unwrap_or(DEFAULT_TRUST_DOMAIN);
    if settings.trust_domain != DEFAULT_TRUST_DOMAIN && settings.trust_domain != trust_domain {
        problems.push(Problem::error(
            object,
            format!(
                "has the trust domain `{trust_domain}` and not `{}`, so the baseline's policies match no caller",
                settings.trust_domain
            ),
            format!("set `mesh.trustDomain: {trust_domain}`"),
        ));
    }
    if !mesh.trust_domain_aliases.is_empty() {
        problems.push(Problem::warning(
            object,
            format!(
                "has `trustDomainAliases: [{}]`: accounts of these trust domains count as accounts of the same name here, \
                 tenants' accounts included",
                mesh.trust_domain_aliases.join(", ")
            ),
            "remove the aliases, or make sure that the same platform owns the namespaces of all these meshes",
        ));
    }
    problems
}

/// Judges the treatment of calls.
fn judge_traffic(object: &str, mesh: &MeshConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    if mesh.enable_auto_mtls == Some(false) {
        problems.push(Problem::warning(
            object,
            "has `enableAutoMtls: false`, so callers send plaintext, which tenants' pods refuse",
            "remove `enableAutoMtls`",
        ));
    }
    if mesh.path_normalization.normalization.as_deref() == Some("NONE") {
        problems.push(Problem::warning(
            object,
            "has `pathNormalization: {normalization: NONE}`, so `//` and `..` in a path pass by policies with paths",
            "set `pathNormalization.normalization` to `BASE` or a stricter value",
        ));
    }
    let exports = &mesh.default_service_export_to;
    if !exports.is_empty() && !exports.iter().any(|target| target == "*") {
        problems.push(Problem::warning(
            object,
            format!(
                "has `defaultServiceExportTo: [{}]`, which hides DNS, the API server, shared services and a tenant's other \
                 namespaces from tenants' proxies",
                exports.join(", ")
            ),
            "remove it: the baseline's Sidecars limit what proxies know. Or let \
             the Services that tenants call export themselves to all namespaces, by their annotation",
        ));
    }
    if !mesh.discovery_selectors.is_empty() {
        let message = "has `discoverySelectors`: istiod ignores every namespace that they do not select, with its policies";
        problems.push(Problem::info(object, message));
    }
    let passes = mesh.outbound_traffic_policy.mode.as_deref() != Some("REGISTRY_ONLY");
    if passes || mesh.service_entry_visibility.is_none() {
        let message = "has no `outboundTrafficPolicy: {mode: REGISTRY_ONLY}` or no `serviceEntryVisibility`: proxies without a \
                       Sidecar, outside tenants' namespaces, reach unknown hosts and know the ServiceEntries of all namespaces";
        problems.push(Problem::info(object, message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDECARS: Dataplanes = Dataplanes { has_captured_pods: false, has_sidecars: true };
    const CAPTURED: Dataplanes = Dataplanes { has_captured_pods: true, has_sidecars: false };
    const BOTH: Dataplanes = Dataplanes { has_captured_pods: true, has_sidecars: true };

    /// Returns the messages of errors and warnings in a mesh with sidecars.
    fn found(yaml: &str, settings: &Settings) -> String {
        found_with(yaml, settings, SIDECARS)
    }

    fn found_with(yaml: &str, settings: &Settings, dataplanes: Dataplanes) -> String {
        let mesh: MeshConfig = serde_saphyr::from_str(yaml).unwrap_or_default();
        let problems = judge("ConfigMap istio", &mesh, settings, dataplanes).into_iter();
        let severe = problems.filter(|problem| problem.severity < Severity::Info);
        severe.map(|problem| problem.message).collect()
    }

    #[test]
    fn defaults_have_no_findings() {
        let istio = "rootNamespace: istio-system\ntrustDomain: cluster.local\ndefaultConfig: {}\n";
        assert_eq!(found(istio, &Settings::default()), "");
        // In the settings the default stands for the mesh's own trust domain.
        assert_eq!(found("trustDomain: example.org", &Settings::default()), "");
    }

    #[test]
    fn weakening_settings_are_found() {
        for (yaml, expected) in [
            ("rootNamespace: mesh", "`mesh`"),
            ("trustDomainAliases: [old.example.com]", "trustDomainAliases"),
            ("enableAutoMtls: false", "enableAutoMtls"),
            ("pathNormalization: { normalization: NONE }", "pathNormalization"),
            ("defaultServiceExportTo: ['.']", "defaultServiceExportTo"),
        ] {
            let found = found(yaml, &Settings::default());
            assert!(found.contains(expected), "{yaml}: {found}");
        }
        let settings = Settings::default();
        assert!(found_with("", &settings, CAPTURED).contains("serviceEntryVisibility"));
        let visible = "serviceEntryVisibility: { defaultVisibility: NAMESPACE }\n";
        assert_eq!(found_with(visible, &settings, CAPTURED), "");
        assert!(found_with(visible, &settings, BOTH).contains(HBONE_METADATA));
        let tunnels = "defaultConfig: { proxyMetadata: { ISTIO_META_ENABLE_HBONE: 'true' } }";
        assert_eq!(found_with(&format!("{visible}{tunnels}"), &settings, BOTH), "");
        let other = Settings { trust_domain: "example.org".to_owned(), ..Settings::default() };
        assert!(found("trustDomain: example.com", &other).contains("`example.com`"));
        let logs = Settings { access_log: Some("otel".to_owned()), ..Settings::default() };
        assert!(found("", &logs).contains("`otel`"));
        assert_eq!(found("extensionProviders: [{ name: otel }]", &logs), "");
    }
}
