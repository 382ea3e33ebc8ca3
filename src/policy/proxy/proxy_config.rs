//! The `PROXY_CONFIG` that the injector writes: the mesh's configuration, overridden by the pod's annotation. The
//! struct lists only the fields that control shutdown, concurrency, metrics and tracing samples. Any other field
//! could send the proxy to another control plane, or give it another bootstrap or other certificates.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::is_plain;
use super::variable::{is_istiod, is_metadata, is_metadata_name};
use crate::settings::Settings;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ProxyConfig {
    discovery_address: Option<String>,
    #[serde(rename = "concurrency")]
    _concurrency: IgnoredAny,
    #[serde(rename = "drainDuration")]
    _drain_duration: IgnoredAny,
    #[serde(rename = "terminationDrainDuration")]
    _termination_drain_duration: IgnoredAny,
    #[serde(rename = "holdApplicationUntilProxyStarts")]
    _hold_application_until_proxy_starts: IgnoredAny,
    proxy_metadata: BTreeMap<String, String>,
    proxy_stats_matcher: StatsMatcher,
    extra_stat_tags: Vec<String>,
    image: ImageVariant,
    #[serde(rename = "tracing")]
    _tracing: Sampling,
}

/// The variant of the image, which the injector or istiod writes into the container.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ImageVariant {
    image_type: Option<String>,
}

/// Tracing settings that a pod may change. The destination of traces is set in the mesh only.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sampling {
    #[serde(rename = "sampling")]
    _sampling: IgnoredAny,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StatsMatcher {
    #[serde(rename = "inclusionPrefixes")]
    prefixes: Vec<String>,
    #[serde(rename = "inclusionSuffixes")]
    suffixes: Vec<String>,
    #[serde(rename = "inclusionRegexps")]
    regexps: Vec<String>,
}

/// True if the variable `PROXY_CONFIG` leaves the proxy under the mesh's own control plane, with the mesh's
/// bootstrap.
pub(super) fn is_harmless(json: &str, settings: &Settings) -> bool {
    let config = serde_json::from_str::<ProxyConfig>(json).ok().filter(|_| json.starts_with('{'));
    config.is_some_and(|config| config.is_harmless(settings))
}

/// True if the variable differs from that of the reference in nothing else than what a pod may change.
pub(super) fn differs_harmlessly(json: &str, reference: &str, settings: &Settings) -> bool {
    let parse = |text| serde_json::from_str::<Map<String, Value>>(text).ok();
    let (Some(written), Some(reference)) = (parse(json), parse(reference)) else { return false };
    let rest = |mut one: Map<String, Value>, other: &Map<String, Value>| {
        remove_same(&mut one, other);
        serde_json::from_value::<ProxyConfig>(Value::Object(one)).ok()
    };
    let (added, removed) = (rest(written.clone(), &reference), rest(reference, &written));
    added.is_some_and(|added| added.is_harmless(settings)) && removed.is_some_and(|removed| removed.is_free())
}

/// Removes the values that are the same in both objects, at any depth.
fn remove_same(written: &mut Map<String, Value>, reference: &Map<String, Value>) {
    written.retain(|key, value| match (value, reference.get(key)) {
        (Value::Object(value), Some(Value::Object(reference))) => {
            remove_same(value, reference);
            !value.is_empty()
        }
        (value, known) => known != Some(value),
    });
}

/// True if the same holds for the annotation `proxy.istio.io/config`, which is YAML: the agent reads it again at
/// startup.
pub(super) fn is_harmless_annotation(yaml: &str, settings: &Settings) -> bool {
    let config = serde_saphyr::from_str::<ProxyConfig>(yaml);
    yaml.trim().is_empty() || config.is_ok_and(|config| config.is_harmless(settings))
}

impl ProxyConfig {
    /// True if a pod may leave these values out.
    fn is_free(&self) -> bool {
        self.discovery_address.is_none()
            && self.image.image_type.is_none()
            && self.proxy_metadata.keys().all(|name| is_metadata_name(name))
    }

    fn is_harmless(&self, settings: &Settings) -> bool {
        let StatsMatcher { prefixes, suffixes, regexps } = &self.proxy_stats_matcher;
        let mut patterns = prefixes.iter().chain(suffixes).chain(regexps);
        self.discovery_address.as_ref().is_none_or(|address| is_istiod(address, settings))
            && self.proxy_metadata.iter().all(|(name, value)| is_metadata(name, value, settings))
            && self.image.image_type.as_deref().is_none_or(|variant| variant == "distroless")
            && patterns.all(|pattern| is_safe(pattern, b"_.:=;{}*|()+-"))
            && self.extra_stat_tags.iter().all(|tag| is_safe(tag, b"_.-"))
    }
}

/// True if the text is safe in Envoy's bootstrap, which contains it unescaped.
fn is_safe(text: &str, marks: &[u8]) -> bool {
    (1..=128).contains(&text.len()) && is_plain(text, marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_changes_only_listed_fields_of_the_reference() {
        let settings = Settings::default();
        let reference = r#"{"discoveryAddress":"istiod.mesh.svc:15012","concurrency":1,
            "tracing":{"zipkin":{"address":"zipkin:9411"}},"proxyMetadata":{"FLAVOUR":"blue"}}"#;
        let with = |from: &str, to: &str| {
            assert!(reference.contains(from), "{from}");
            differs_harmlessly(&reference.replace(from, to), reference, &settings)
        };
        assert!(with(r#""concurrency":1"#, r#""concurrency":4"#));
        assert!(with(r#""concurrency":1,"#, ""));
        assert!(with(r#"{"zipkin""#, r#"{"sampling":5,"zipkin""#));
        assert!(with(r#"{"FLAVOUR""#, r#"{"ISTIO_META_DNS_CAPTURE":"true","FLAVOUR""#));
        for (from, to) in [
            (r#""istiod.mesh.svc:15012""#, "null"),
            (r#""discoveryAddress":"istiod.mesh.svc:15012","#, ""),
            ("istiod.mesh.svc", "istiod.istio-system.svc"),
            ("zipkin:9411", "mine:9411"),
            (r#"{"zipkin":{"address":"zipkin:9411"}}"#, "{}"),
            ("blue", "red"),
            (r#"{"FLAVOUR":"blue"}"#, "{}"),
        ] {
            assert!(!with(from, to), "{from} → {to}");
        }
    }

    #[test]
    fn only_listed_fields_are_harmless() {
        let settings = Settings::default();
        for text in [
            "{}\n",
            r#"{"concurrency":2,"holdApplicationUntilProxyStarts":true,"tracing":{"sampling":10}}"#,
            r#"{"discoveryAddress":"istiod-canary.istio-system.svc:15012"}"#,
            r#"{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true"}}"#,
            r#"{"image":{"imageType":"distroless"}}"#,
            r#"{"proxyStatsMatcher":{"inclusionRegexps":["cluster.*upstream_rq_(retry|total)"]}}"#,
        ] {
            assert!(is_harmless(text, &settings), "{text}");
        }
        for text in [
            "",
            "[]",
            r#"{"discoveryAddress":"istiod.elsewhere.svc:15012"}"#,
            r#"{"proxyBootstrapTemplatePath":"/mine.json"}"#,
            r#"{"caCertificatesPem":["x"]}"#,
            r#"{"image":{"imageType":"debug"}}"#,
            r#"{"tracing":{"zipkin":{"address":"mine:9411"}}}"#,
            r#"{"proxyStatsMatcher":{"inclusionPrefixes":["a\"}"]}}"#,
            r#"{"extraStatTags":["a b"]}"#,
        ] {
            assert!(!is_harmless(text, &settings), "{text}");
        }
    }
}
