use super::{Field, claim, fields, free, judged, metadata};
use crate::policy::fields::ClaimKind::Caller;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.action", &["BH703"]),
    // The provider, which the platform configures for the mesh, can only deny more.
    free("spec.provider"),
    fields("spec.rules[].from[].source", SOURCE),
    free("spec.rules[].to"),
    // A condition can name callers too.
    judged("spec.rules[].when[].key", &["BH703"]),
    claim("spec.rules[].when[].notValues", Caller),
    claim("spec.rules[].when[].values", Caller),
    // Pods, waypoints and gateways of the object's own namespace.
    free("spec.selector.matchLabels"),
    free("spec.targetRef"),
    free("spec.targetRefs"),
    free("status"),
];

/// The baseline denies the callers of others, whatever else is said of them.
static SOURCE: &[Field] = &[
    free("ipBlocks"),
    claim("namespaces", Caller),
    free("notIpBlocks"),
    free("notNamespaces"),
    claim("notPrincipals", Caller),
    free("notRemoteIpBlocks"),
    free("notRequestPrincipals"),
    free("notServiceAccounts"),
    free("notTrustDomains"),
    claim("principals", Caller),
    free("remoteIpBlocks"),
    free("requestPrincipals"),
    claim("serviceAccounts", Caller),
    claim("trustDomains", Caller),
];
