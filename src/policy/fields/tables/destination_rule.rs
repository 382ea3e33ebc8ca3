use super::{Field, claim, fields, free, metadata, unjudged};
use crate::policy::fields::ClaimKind::{ReachedHost, ServedHost};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    // A proxy obeys the rules of its own namespace, then those of the Service's, then those of the mesh's root.
    free("spec.exportTo"),
    claim("spec.host", ServedHost),
    free("spec.subsets[].labels"),
    free("spec.subsets[].name"),
    fields("spec.subsets[].trafficPolicy", TRAFFIC_POLICY),
    fields("spec.trafficPolicy", TRAFFIC_POLICY),
    free("spec.workloadSelector"),
    free("status"),
];

static TRAFFIC_POLICY: &[Field] = &[
    free("connectionPool"),
    free("loadBalancer"),
    free("outlierDetection"),
    free("portLevelSettings[].connectionPool"),
    free("portLevelSettings[].loadBalancer"),
    free("portLevelSettings[].outlierDetection"),
    free("portLevelSettings[].port"),
    fields("portLevelSettings[].tls", TLS),
    free("proxyProtocol"),
    free("retryBudget"),
    fields("tls", TLS),
    free("tunnel.protocol"),
    claim("tunnel.targetHost", ReachedHost),
    free("tunnel.targetPort"),
];

static TLS: &[Field] = &[
    unjudged("caCertificates"),
    unjudged("caCrl"),
    unjudged("clientCertificate"),
    unjudged("credentialName"),
    unjudged("insecureSkipVerify"),
    unjudged("mode"),
    unjudged("privateKey"),
    unjudged("sni"),
    unjudged("subjectAltNames"),
];
