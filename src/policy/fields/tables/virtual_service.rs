use super::{Field, claim, fields, free, metadata};
use crate::policy::fields::ClaimKind::{
    Address, Delegate, Export, Gateway, ReachedHost, RequestHeader, ServedHost,
};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    claim("spec.exportTo[]", Export),
    claim("spec.gateways[]", Gateway),
    claim("spec.hosts[]", ServedHost),
    free("spec.http[].corsPolicy"),
    free("spec.http[].delegate.name"),
    claim("spec.http[].delegate.namespace", Delegate),
    free("spec.http[].directResponse"),
    free("spec.http[].fault"),
    fields("spec.http[].headers", HEADERS),
    free("spec.http[].match[].authority"),
    claim("spec.http[].match[].gateways[]", Gateway),
    free("spec.http[].match[].headers"),
    free("spec.http[].match[].ignoreUriCase"),
    free("spec.http[].match[].method"),
    free("spec.http[].match[].name"),
    free("spec.http[].match[].port"),
    free("spec.http[].match[].queryParams"),
    free("spec.http[].match[].scheme"),
    free("spec.http[].match[].sourceLabels"),
    // Callers of the tenant's own hosts, whom it may tell apart.
    free("spec.http[].match[].sourceNamespace"),
    free("spec.http[].match[].statPrefix"),
    free("spec.http[].match[].uri"),
    free("spec.http[].match[].withoutHeaders"),
    fields("spec.http[].mirror", DESTINATION),
    free("spec.http[].mirrorPercent"),
    free("spec.http[].mirrorPercentage"),
    free("spec.http[].mirror_percent"),
    fields("spec.http[].mirrors[].destination", DESTINATION),
    free("spec.http[].mirrors[].percentage"),
    free("spec.http[].name"),
    // The caller follows a redirect through its own proxy.
    free("spec.http[].redirect.authority"),
    free("spec.http[].redirect.derivePort"),
    free("spec.http[].redirect.port"),
    free("spec.http[].redirect.prefixRewrite"),
    free("spec.http[].redirect.redirectCode"),
    free("spec.http[].redirect.scheme"),
    free("spec.http[].redirect.uri"),
    free("spec.http[].retries"),
    claim("spec.http[].rewrite.authority", ReachedHost),
    free("spec.http[].rewrite.uri"),
    free("spec.http[].rewrite.uriRegexRewrite"),
    fields("spec.http[].route[].destination", DESTINATION),
    fields("spec.http[].route[].headers", HEADERS),
    free("spec.http[].route[].weight"),
    free("spec.http[].timeout"),
    fields("spec.tcp[].match[]", CONNECTION),
    free("spec.tcp[].match[].sourceSubnet"),
    fields("spec.tcp[].route[].destination", DESTINATION),
    free("spec.tcp[].route[].weight"),
    fields("spec.tls[].match[]", CONNECTION),
    claim("spec.tls[].match[].sniHosts[]", ServedHost),
    fields("spec.tls[].route[].destination", DESTINATION),
    free("spec.tls[].route[].weight"),
    free("status"),
];

static HEADERS: &[Field] = &[
    claim("request.add{}", RequestHeader),
    claim("request.remove[]", RequestHeader),
    claim("request.set{}", RequestHeader),
    free("response"),
];

static DESTINATION: &[Field] = &[claim("host", ReachedHost), free("port"), free("subset")];

static CONNECTION: &[Field] = &[
    // Istiod takes these in place of the host's own addresses.
    claim("destinationSubnets[]", Address),
    claim("gateways[]", Gateway),
    free("port"),
    free("sourceLabels"),
    free("sourceNamespace"),
];
