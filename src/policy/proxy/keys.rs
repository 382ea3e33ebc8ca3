//! Every Istio label and annotation that a tenant's pod may have, with the allowed values. The injector, the proxy's
//! agent and istio-cni obey these keys; the latter two read the live pod. Any key that is not listed is refused.

use super::environment::is_duration;
use super::{MESH_PORTS, is_plain, proxy_config};
use crate::settings::Settings;

/// A map of the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    Labels,
    Annotations,
}

/// The values of a key that do not change the proxy.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// Any value: another rule judges it, or it has no effect on the proxy.
    Any,
    None,
    Only(&'static [&'static str]),
    /// A revision of the mesh, as the injector writes it.
    Name,
    /// The revision of the tenants' namespaces.
    Revision,
    Bool,
    /// A duration such as `45s`.
    Duration,
    Number,
    /// A quantity such as `500m` or `1Gi`.
    Quantity,
    /// Log levels such as `default:info,xds:debug`.
    LogLevels,
    /// Ports separated by commas, or `*`.
    Ports,
    /// Ports of the proxy itself.
    MeshPorts,
    /// Text that is written into Envoy's bootstrap unescaped: letters, digits and the characters that patterns need.
    StatsPatterns,
    StatsTags,
    StatsBuckets,
    ProxyConfig,
}

static LABELS: &[(&str, Values)] = &[
    ("istio.io/dataplane-mode", Values::Any),
    ("istio.io/rev", Values::Revision),
    ("networking.istio.io/tunnel", Values::Only(&["http"])),
    ("security.istio.io/tlsMode", Values::Only(&["istio"])),
    ("service.istio.io/canonical-name", Values::Any),
    ("service.istio.io/canonical-revision", Values::Any),
    ("service.istio.io/workload-name", Values::Any),
    ("sidecar.istio.io/inject", Values::Any),
    ("topology.istio.io/cluster", Values::None),
    ("topology.istio.io/network", Values::None),
];

static ANNOTATIONS: &[(&str, Values)] = &[
    // In a mesh with both data planes, istio-cni writes this annotation through `pods/status`.
    ("ambient.istio.io/redirection", Values::Only(&["enabled"])),
    ("galley.istio.io/analyze-suppress", Values::Any),
    ("inject.istio.io/templates", Values::Only(&["sidecar"])),
    ("istio.io/reroute-virtual-interfaces", Values::None),
    ("istio.io/rev", Values::Name),
    ("prometheus.istio.io/merge-metrics", Values::Bool),
    ("prometheus.istio.io/secure-port", Values::Number),
    ("proxy.istio.io/config", Values::ProxyConfig),
    ("proxy.istio.io/overrides", Values::Any),
    ("readiness.status.sidecar.istio.io/applicationPorts", Values::Ports),
    ("readiness.status.sidecar.istio.io/failureThreshold", Values::Number),
    ("readiness.status.sidecar.istio.io/initialDelaySeconds", Values::Number),
    ("readiness.status.sidecar.istio.io/periodSeconds", Values::Number),
    ("sidecar.istio.io/agentLogLevel", Values::LogLevels),
    ("sidecar.istio.io/bootstrapOverride", Values::None),
    ("sidecar.istio.io/capNetBindService", Values::Only(&["false"])),
    ("sidecar.istio.io/componentLogLevel", Values::LogLevels),
    ("sidecar.istio.io/discoveryAddress", Values::None),
    ("sidecar.istio.io/extraStatTags", Values::StatsTags),
    ("sidecar.istio.io/inject", Values::Any),
    ("sidecar.istio.io/interceptionMode", Values::Only(&["REDIRECT"])),
    ("sidecar.istio.io/logLevel", Values::LogLevels),
    ("sidecar.istio.io/nativeSidecar", Values::Bool),
    ("sidecar.istio.io/proxyCPU", Values::Quantity),
    ("sidecar.istio.io/proxyCPULimit", Values::Quantity),
    ("sidecar.istio.io/proxyImage", Values::None),
    ("sidecar.istio.io/proxyImageType", Values::Only(&["distroless"])),
    ("sidecar.istio.io/proxyMemory", Values::Quantity),
    ("sidecar.istio.io/proxyMemoryLimit", Values::Quantity),
    ("sidecar.istio.io/rewriteAppHTTPProbers", Values::Only(&["true"])),
    ("sidecar.istio.io/statsCompression", Values::Only(&["brotli", "gzip", "zstd", "true", "false"])),
    ("sidecar.istio.io/statsEvictionInterval", Values::Duration),
    ("sidecar.istio.io/statsFlushInterval", Values::Duration),
    ("sidecar.istio.io/statsHistogramBins", Values::Number),
    ("sidecar.istio.io/statsHistogramBuckets", Values::StatsBuckets),
    ("sidecar.istio.io/statsInclusionPrefixes", Values::StatsPatterns),
    ("sidecar.istio.io/statsInclusionRegexps", Values::StatsPatterns),
    ("sidecar.istio.io/statsInclusionSuffixes", Values::StatsPatterns),
    ("sidecar.istio.io/status", Values::Any),
    ("sidecar.istio.io/userVolume", Values::None),
    ("sidecar.istio.io/userVolumeMount", Values::None),
    ("status.sidecar.istio.io/port", Values::Only(&["15020"])),
    ("traffic.sidecar.istio.io/excludeInboundPorts", Values::MeshPorts),
    ("traffic.sidecar.istio.io/excludeInterfaces", Values::None),
    ("traffic.sidecar.istio.io/excludeOutboundIPRanges", Values::Only(&[""])),
    ("traffic.sidecar.istio.io/excludeOutboundPorts", Values::Only(&[""])),
    ("traffic.sidecar.istio.io/includeInboundPorts", Values::Only(&["*"])),
    ("traffic.sidecar.istio.io/includeOutboundIPRanges", Values::Only(&["*"])),
    ("traffic.sidecar.istio.io/includeOutboundPorts", Values::Ports),
    ("traffic.sidecar.istio.io/kubevirtInterfaces", Values::None),
];

/// The judgement of a key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Harmless,
    /// Every value of this key changes the proxy.
    Never,
    /// This value changes the proxy, but other values do not.
    Value,
    Unknown,
}

/// True if the key is in a domain of Istio.
pub fn is_mesh_key(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    domain == "istio.io" || domain.ends_with(".istio.io")
}

/// Judges an Istio key and its value on a pod or a template.
pub fn judge(map: Map, key: &str, value: &str, settings: &Settings) -> Judgement {
    if settings.allowed_pod_keys.contains(key) {
        return Judgement::Harmless;
    }
    let rows = match map {
        Map::Labels => LABELS,
        Map::Annotations => ANNOTATIONS,
    };
    let row =
        rows.binary_search_by_key(&key, |(known, _)| known).ok().and_then(|position| rows.get(position));
    match row {
        None => Judgement::Unknown,
        Some((_, Values::None)) => Judgement::Never,
        Some((_, values)) if values.contain(value, settings) => Judgement::Harmless,
        Some(_) => Judgement::Value,
    }
}

impl Values {
    fn contain(self, value: &str, settings: &Settings) -> bool {
        let plain = |marks: &[u8]| value.len() <= 1024 && is_plain(value, marks);
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Only(values) => values.contains(&value),
            Self::Name => plain(b"-."),
            Self::Revision => value == settings.mesh_revision.as_deref().unwrap_or("default"),
            Self::Bool => matches!(value, "true" | "false"),
            Self::Duration => is_duration(value),
            Self::Number => value.parse::<u16>().is_ok(),
            Self::Quantity => !value.is_empty() && plain(b"."),
            Self::LogLevels => !value.is_empty() && plain(b"_-:,"),
            Self::Ports => {
                value == "*" || value.split(',').all(|port| port.is_empty() || port.parse::<u16>().is_ok())
            }
            Self::MeshPorts => {
                let is_mesh = |port: &str| port.parse().is_ok_and(|port| MESH_PORTS.contains(&port));
                value.split(',').all(|port| port.is_empty() || is_mesh(port))
            }
            Self::StatsPatterns => plain(b"_.:=;{}*|()+-,"),
            Self::StatsTags => plain(b"_.-,"),
            // Prefixes, each with a list of numbers: `{"istiocustom":[1,5,10]}`.
            Self::StatsBuckets => plain(b"_.-,:[]{}\" "),
            Self::ProxyConfig => proxy_config::is_harmless_annotation(value, settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for rows in [LABELS, ANNOTATIONS] {
            assert!(rows.is_sorted_by(|(one, _), (next, _)| one < next));
            assert!(rows.iter().all(|(key, _)| is_mesh_key(key)));
        }
    }

    #[test]
    fn values_are_judged_by_their_key() {
        let settings = Settings::default();
        let judged = |key: &str, value: &str| judge(Map::Annotations, key, value, &settings);
        for (key, value) in [
            ("sidecar.istio.io/statsInclusionPrefixes", "cluster.outbound,listener"),
            ("sidecar.istio.io/statsHistogramBuckets", "{\"istiocustom\":[1,5,10]}"),
            ("proxy.istio.io/config", "concurrency: 2"),
            ("traffic.sidecar.istio.io/excludeInboundPorts", "15020"),
        ] {
            assert_eq!(judged(key, value), Judgement::Harmless, "{key}: {value}");
        }
        for (key, value) in [
            ("sidecar.istio.io/statsInclusionPrefixes", "a\"}, \"x\": {\"y"),
            ("sidecar.istio.io/statsHistogramBuckets", "{\"a\\u0022\":[1]}"),
            ("proxy.istio.io/config", "discovery_address: mine:15012"),
            ("traffic.sidecar.istio.io/excludeInboundPorts", "15020,8080"),
        ] {
            assert_eq!(judged(key, value), Judgement::Value, "{key}: {value}");
        }
        assert_eq!(judged("sidecar.istio.io/discoveryAddress", "mine:15012"), Judgement::Never);
        assert_eq!(judged("next.istio.io/version", ""), Judgement::Unknown);
        assert!(!is_mesh_key("myistio.io/x") && !is_mesh_key("istio"));
    }
}
