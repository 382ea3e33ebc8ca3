use super::{Field, claim, fields, free, judged, metadata};
use crate::policy::fields::ClaimKind::Caller;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.action", &["BH703", "BH708"]),
    // The provider, which the platform configures for the mesh, can only deny more.
    free("spec.provider"),
    fields("spec.rules[].from[].source", SOURCE),
    fields("spec.rules[].to[].operation", OPERATION),
    // A condition can name callers too.
    judged("spec.rules[].when[].key", &["BH703", "BH708"]),
    claim("spec.rules[].when[].notValues", Caller),
    claim("spec.rules[].when[].values", Caller),
    // Pods, waypoints and gateways of the object's own namespace.
    free("spec.selector.matchLabels"),
    judged("spec.targetRef", &["BH708"]),
    judged("spec.targetRefs", &["BH708"]),
    free("status"),
];

/// The baseline denies the callers of others, whatever else is said of them.
static SOURCE: &[Field] = &[
    judged("ipBlocks", &["BH708"]),
    claim("namespaces", Caller),
    judged("notIpBlocks", &["BH708"]),
    judged("notNamespaces", &["BH708"]),
    claim("notPrincipals", Caller),
    free("notRemoteIpBlocks"),
    free("notRequestPrincipals"),
    judged("notServiceAccounts", &["BH708"]),
    free("notTrustDomains"),
    claim("principals", Caller),
    free("remoteIpBlocks"),
    free("requestPrincipals"),
    claim("serviceAccounts", Caller),
    claim("trustDomains", Caller),
];

/// Calls of the tenant's own pods.
static OPERATION: &[Field] = &[
    free("hosts"),
    free("methods"),
    free("notHosts"),
    free("notMethods"),
    free("notPaths"),
    judged("notPorts", &["BH708"]),
    free("paths"),
    judged("ports", &["BH708"]),
];
