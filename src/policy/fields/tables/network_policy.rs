use super::{Field, claim, fields, free, judged, metadata};
use crate::policy::fields::ClaimKind;

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
    claim("ipBlock.cidr", ClaimKind::Peer),
    // An exception only makes the range smaller.
    free("ipBlock.except"),
    claim("namespaceSelector.matchExpressions", ClaimKind::Peer),
    claim("namespaceSelector.matchLabels", ClaimKind::Peer),
    judged("podSelector", PEERS),
];
