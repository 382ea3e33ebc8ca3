//! Routes of the Gateway API.

use super::{Field, claim, fields, free, judged, limited, metadata};
use crate::policy::fields::ClaimKind::{ReachedHost, RequestHeader, ServedHost};
use crate::policy::fields::Values;

pub(super) static HTTP: &[Field] = &[
    fields("", COMMON),
    claim("spec.hostnames[]", ServedHost),
    fields("spec.rules[].backendRefs[]", BACKEND),
    fields("spec.rules[].backendRefs[].filters[]", HTTP_FILTER),
    fields("spec.rules[].filters[]", HTTP_FILTER),
    free("spec.rules[].matches"),
    free("spec.rules[].name"),
    free("spec.rules[].retry"),
    free("spec.rules[].sessionPersistence"),
    free("spec.rules[].timeouts"),
];

pub(super) static GRPC: &[Field] = &[
    fields("", COMMON),
    claim("spec.hostnames[]", ServedHost),
    fields("spec.rules[].backendRefs[]", BACKEND),
    fields("spec.rules[].backendRefs[].filters[]", GRPC_FILTER),
    fields("spec.rules[].filters[]", GRPC_FILTER),
    free("spec.rules[].matches"),
    free("spec.rules[].name"),
    free("spec.rules[].sessionPersistence"),
];

pub(super) static TLS: &[Field] = &[fields("", CONNECTIONS), claim("spec.hostnames[]", ServedHost)];

/// Routes of connections, which name no hosts.
pub(super) static CONNECTIONS: &[Field] =
    &[fields("", COMMON), fields("spec.rules[].backendRefs[]", BACKEND), free("spec.rules[].name")];

static COMMON: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    judged("spec.parentRefs[].group", PARENT),
    judged("spec.parentRefs[].kind", PARENT),
    judged("spec.parentRefs[].name", PARENT),
    judged("spec.parentRefs[].namespace", PARENT),
    // Of a parent that the rules judge.
    free("spec.parentRefs[].port"),
    free("spec.parentRefs[].sectionName"),
    limited(
        "spec.useDefaultGateways",
        "BH806",
        Values::Only(&["", "None"]),
        "attaches the route to gateways of others",
    ),
    free("status"),
];

const PARENT: &[&str] = &["BH601", "BH604"];

static BACKEND: &[Field] = &[fields("", REFERENCE), free("weight")];

static REFERENCE: &[Field] = &[
    judged("group", &["BH602"]),
    judged("kind", &["BH602"]),
    judged("name", &["BH602"]),
    judged("namespace", &["BH602"]),
    free("port"),
];

pub(super) static HTTP_FILTER: &[Field] = &[
    fields("", FILTER),
    free("cors"),
    fields("externalAuth.backendRef", REFERENCE),
    free("externalAuth.forwardBody"),
    free("externalAuth.grpc"),
    free("externalAuth.http"),
    free("externalAuth.protocol"),
    // The caller follows a redirect through its own proxy.
    free("requestRedirect"),
    claim("urlRewrite.hostname", ReachedHost),
    free("urlRewrite.path"),
];

pub(super) static GRPC_FILTER: &[Field] = &[fields("", FILTER)];

static FILTER: &[Field] = &[
    limited(
        "extensionRef",
        "BH806",
        Values::None,
        "makes the gateway apply configuration that Bulkhead does not judge",
    ),
    fields("requestHeaderModifier", HEADERS),
    fields("requestMirror.backendRef", REFERENCE),
    free("requestMirror.fraction"),
    free("requestMirror.percent"),
    free("responseHeaderModifier"),
    free("type"),
];

static HEADERS: &[Field] = &[
    claim("add[].name", RequestHeader),
    free("add[].value"),
    claim("remove[]", RequestHeader),
    claim("set[].name", RequestHeader),
    free("set[].value"),
];
