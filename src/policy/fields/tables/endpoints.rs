//! The addresses behind a Service, in both kinds that hold them.

use super::{Field, claim, fields, free, judged, limited, metadata};
use crate::policy::fields::ClaimKind::EndpointAddress;
use crate::policy::fields::Values;

const RULE: &str = "BH803";

pub(super) static ENDPOINTS: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    fields("subsets[].addresses[]", ADDRESS),
    fields("subsets[].notReadyAddresses[]", ADDRESS),
    judged("subsets[].ports", &[RULE]),
];

static ADDRESS: &[Field] = &[
    free("hostname"),
    claim("ip", EndpointAddress),
    free("nodeName"),
    limited("targetRef", RULE, Values::None, TARGET),
];

pub(super) static ENDPOINT_SLICE: &[Field] = &[
    limited(
        "addressType",
        RULE,
        Values::Only(&["IPv4", "IPv6"]),
        "lists names, which can lead to any address",
    ),
    free("apiVersion"),
    claim("endpoints[].addresses[]", EndpointAddress),
    free("endpoints[].conditions"),
    free("endpoints[].deprecatedTopology"),
    free("endpoints[].hints"),
    free("endpoints[].hostname"),
    free("endpoints[].nodeName"),
    limited("endpoints[].targetRef", RULE, Values::None, TARGET),
    free("endpoints[].zone"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("ports", &[RULE]),
];

const TARGET: &str = "names the pod of an address, and the mesh takes that pod's labels and identity for it";
