use super::{Field, claim, fields, free, judged, metadata};
use crate::policy::fields::ClaimKind::KnownHost;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.egress[].bind", &["BH609"]),
    judged("spec.egress[].captureMode", &["BH609"]),
    claim("spec.egress[].hosts[]", KnownHost),
    free("spec.egress[].port"),
    free("spec.inboundConnectionPool"),
    judged("spec.ingress[].bind", &["BH609"]),
    judged("spec.ingress[].captureMode", &["BH609"]),
    free("spec.ingress[].connectionPool"),
    judged("spec.ingress[].defaultEndpoint", &["BH609"]),
    free("spec.ingress[].port"),
    judged("spec.ingress[].tls", &["BH609"]),
    judged("spec.outboundTrafficPolicy.egressProxy", &["BH608"]),
    judged("spec.outboundTrafficPolicy.mode", &["BH608"]),
    judged("spec.workloadSelector.labels", &["BH204"]),
    free("status"),
];
