use super::{Field, fields, free, judged, metadata};

const PEERS: &[&str] = &["BH501", "BH502"];

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.egress[].ports", PEERS),
    fields("spec.egress[].to[]", PEER),
    fields("spec.ingress[].from[]", PEER),
    judged("spec.ingress[].ports", PEERS),
    // All rules are judged, whether they are in effect or not.
    free("spec.podSelector"),
    free("spec.policyTypes"),
];

static PEER: &[Field] = &[
    judged("ipBlock.cidr", PEERS),
    // An exception only makes the range smaller.
    free("ipBlock.except"),
    judged("namespaceSelector.matchExpressions", PEERS),
    judged("namespaceSelector.matchLabels", PEERS),
    judged("podSelector.matchExpressions", PEERS),
    judged("podSelector.matchLabels", PEERS),
];
