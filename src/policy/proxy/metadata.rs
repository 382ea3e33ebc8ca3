//! Istio's labels and annotations of pods: judges their values by the table of keys.

use super::variable::is_duration;
use super::{MESH_PORTS, is_plain, proxy_config};
use crate::keys::{self, ENDPOINT_MANAGERS, Map, Pattern, Values};
use crate::kinds::Kind;
use crate::settings::Settings;

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

/// Judges an Istio key and its value on a pod or a template, as far as BH303 does.
pub fn judge(map: Map, key: &str, value: &impl AsRef<str>, settings: &Settings) -> Judgement {
    if settings.allowed_pod_keys.contains(key) {
        return Judgement::Harmless;
    }
    match keys::find(Kind::Pod, map, key).map(|row| (row.pattern, row.values, row.rule)) {
        None | Some((Pattern::Domain(_), ..)) => Judgement::Unknown,
        Some((Pattern::Key(_), values, Some("BH303"))) => match values {
            Values::None => Judgement::Never,
            _ if is_allowed(values, value.as_ref(), settings) => Judgement::Harmless,
            _ => Judgement::Value,
        },
        Some((Pattern::Key(_), ..)) => Judgement::Harmless,
    }
}

/// True if `values` contain this value, whichever namespace the object is in.
pub fn is_allowed(values: Values, value: &str, settings: &Settings) -> bool {
    let plain = |marks: &[u8]| value.len() <= 1024 && is_plain(value, marks);
    match values {
        Values::Any => true,
        Values::Only(values) => values.contains(&value),
        Values::Name => plain(b"-."),
        Values::Revision => value == settings.mesh_revision.as_deref().unwrap_or("default"),
        Values::Bool => matches!(value, "true" | "false"),
        Values::Duration => is_duration(value),
        Values::Number => value.parse::<u16>().is_ok(),
        Values::Quantity => !value.is_empty() && plain(b"."),
        Values::LogLevels => !value.is_empty() && plain(b"_-:,"),
        Values::Ports => {
            value == "*" || value.split(',').all(|port| port.is_empty() || port.parse::<u16>().is_ok())
        }
        Values::MeshPorts => {
            let is_mesh = |port: &str| port.parse().is_ok_and(|port| MESH_PORTS.contains(&port));
            value.split(',').all(|port| port.is_empty() || is_mesh(port))
        }
        Values::StatsPatterns => plain(b"_.:=;{}*|()+-,"),
        Values::StatsTags => plain(b"_.-,"),
        // Prefixes, each with a list of numbers: `{"istiocustom":[1,5,10]}`.
        Values::StatsBuckets => plain(b"_.-,:[]{}\" "),
        Values::AppArmorProfile => value == "runtime/default" || value.starts_with("localhost/"),
        Values::Waypoint => settings.lists_waypoint(value),
        Values::MeshNetwork => settings.istio_cni && matches!(value, "istio-cni" | "default/istio-cni"),
        Values::OtherThanController => !ENDPOINT_MANAGERS.contains(&value),
        Values::ProxyConfig => proxy_config::is_harmless_annotation(value, settings),
        // No value, or values that depend on the namespace.
        Values::None
        | Values::Baseline
        | Values::NamespaceName
        | Values::OwnTenant
        | Values::SameTenant
        | Values::OwnNamespaces
        | Values::NamespaceRevision => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_by_their_key() {
        let settings = Settings::default();
        let judged = |key: &str, value: &str| judge(Map::Annotations, key, &value, &settings);
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
    }
}
