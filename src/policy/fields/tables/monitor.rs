//! ServiceMonitors and PodMonitors of the Prometheus operator.

use super::{Field, fields, free, judged, limited, metadata};
use crate::policy::fields::Values;

pub(super) static SERVICE_MONITOR: &[Field] = &[
    fields("", COMMON),
    fields("spec.endpoints[]", ENDPOINT),
    file("spec.endpoints[].bearerTokenFile"),
    file("spec.endpoints[].tlsConfig.caFile"),
    file("spec.endpoints[].tlsConfig.certFile"),
    file("spec.endpoints[].tlsConfig.keyFile"),
    free("spec.serviceDiscoveryRole"),
    free("spec.targetLabels"),
];

pub(super) static POD_MONITOR: &[Field] = &[
    fields("", COMMON),
    fields("spec.podMetricsEndpoints[]", ENDPOINT),
    free("spec.podMetricsEndpoints[].portNumber"),
];

static COMMON: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.attachMetadata"),
    free("spec.bodySizeLimit"),
    free("spec.convertClassicHistogramsToNHCB"),
    free("spec.extraScrapeMetrics"),
    free("spec.fallbackScrapeProtocol"),
    free("spec.jobLabel"),
    free("spec.keepDroppedTargets"),
    free("spec.labelLimit"),
    free("spec.labelNameLengthLimit"),
    free("spec.labelValueLengthLimit"),
    limited(
        "spec.namespaceSelector.any",
        "BH809",
        Values::False,
        "makes Prometheus call Services and pods in every namespace",
    ),
    judged("spec.namespaceSelector.matchNames", &["BH809"]),
    free("spec.nativeHistogramBucketLimit"),
    free("spec.nativeHistogramMinBucketFactor"),
    // Labels of Kubernetes begin with a letter or a digit: the operator makes no other names of these labels than
    // `__meta_…`.
    free("spec.podTargetLabels"),
    free("spec.sampleLimit"),
    limited(
        "spec.scrapeClass",
        "BH809",
        Values::ScrapeClass,
        "is a scrape class, whose credentials Prometheus sends to your pods",
    ),
    free("spec.scrapeClassicHistograms"),
    free("spec.scrapeNativeHistograms"),
    free("spec.scrapeProtocols"),
    free("spec.selector"),
    free("spec.selectorMechanism"),
    free("spec.targetLimit"),
    free("status"),
];

static ENDPOINT: &[Field] = &[
    fields("", HTTP),
    free("filterRunning"),
    free("honorLabels"),
    free("honorTimestamps"),
    free("interval"),
    // They change metrics, after the call.
    free("metricRelabelings"),
    free("params"),
    free("path"),
    free("port"),
    judged("relabelings[].action", &["BH809"]),
    free("relabelings[].modulus"),
    judged("relabelings[].regex", &["BH809"]),
    judged("relabelings[].replacement", &["BH809"]),
    free("relabelings[].separator"),
    free("relabelings[].sourceLabels"),
    judged("relabelings[].targetLabel", &["BH809"]),
    free("scheme"),
    free("scrapeTimeout"),
    free("targetPort"),
    free("trackTimestampsStaleness"),
];

/// The client of HTTP. Secrets and ConfigMaps are those of the monitor's own namespace.
static HTTP: &[Field] = &[
    free("authorization"),
    free("basicAuth"),
    free("bearerTokenSecret"),
    free("enableHttp2"),
    free("followRedirects"),
    free("oauth2.clientId"),
    free("oauth2.clientSecret"),
    free("oauth2.endpointParams"),
    fields("oauth2", PROXY),
    free("oauth2.scopes"),
    fields("oauth2.tlsConfig", TLS),
    judged("oauth2.tokenUrl", &["BH809"]),
    fields("", PROXY),
    fields("tlsConfig", TLS),
];

static PROXY: &[Field] = &[
    free("noProxy"),
    free("proxyConnectHeader"),
    free("proxyFromEnvironment"),
    limited("proxyUrl", "BH809", Values::Empty, "is an address that Prometheus calls in place of your pods"),
];

static TLS: &[Field] = &[
    free("ca"),
    free("cert"),
    free("insecureSkipVerify"),
    free("keySecret"),
    free("maxVersion"),
    free("minVersion"),
    free("serverName"),
];

/// The path of a file in the file system of Prometheus.
const fn file(path: &'static str) -> Field {
    limited(path, "BH809", Values::Empty, "is a file of Prometheus, which monitors of tenants may not use")
}
