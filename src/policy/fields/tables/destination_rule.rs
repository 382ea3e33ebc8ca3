use super::{Field, claim, fields, free, judged, metadata};
use crate::policy::fields::ClaimKind::{ReachedHost, ServedHost};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    // A proxy obeys the rules of its own namespace, then those of the Service's, then those of the mesh's root.
    judged("spec.exportTo", &["BH606"]),
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
    // Istio refuses files and Secrets in the mode `ISTIO_MUTUAL`.
    free("caCertificates"),
    free("caCrl"),
    free("clientCertificate"),
    free("credentialName"),
    judged("insecureSkipVerify", &["BH606"]),
    judged("mode", &["BH606"]),
    free("privateKey"),
    judged("sni", &["BH606"]),
    // The endpoints of the tenant's own hosts are its own pods, whose names other names do not match.
    free("subjectAltNames"),
];
