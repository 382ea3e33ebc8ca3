use super::{Field, fields, free, metadata, unjudged};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    unjudged("spec.action"),
    unjudged("spec.provider"),
    fields("spec.rules[].from[].source", SOURCE),
    free("spec.rules[].to"),
    // A condition can name callers too: `source.principal`, `source.namespace`.
    unjudged("spec.rules[].when"),
    free("spec.selector.matchLabels"),
    unjudged("spec.targetRef"),
    unjudged("spec.targetRefs"),
    free("status"),
];

static SOURCE: &[Field] = &[
    unjudged("ipBlocks"),
    unjudged("namespaces"),
    unjudged("notIpBlocks"),
    unjudged("notNamespaces"),
    unjudged("notPrincipals"),
    unjudged("notRemoteIpBlocks"),
    unjudged("notRequestPrincipals"),
    unjudged("notServiceAccounts"),
    unjudged("notTrustDomains"),
    unjudged("principals"),
    unjudged("remoteIpBlocks"),
    unjudged("requestPrincipals"),
    unjudged("serviceAccounts"),
    unjudged("trustDomains"),
];
