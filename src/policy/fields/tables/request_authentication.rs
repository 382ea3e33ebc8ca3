use super::{Field, claim, fields, free, metadata};
use crate::policy::fields::ClaimKind::{KeySource, RequestHeader};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.jwtRules[].audiences"),
    free("spec.jwtRules[].forwardOriginalToken"),
    free("spec.jwtRules[].fromCookies"),
    // The places in which the proxies of the tenant's own pods look for a token.
    free("spec.jwtRules[].fromHeaders"),
    free("spec.jwtRules[].fromParams"),
    // Only without keys: istiod then asks the issuer for the URL of its keys.
    claim("spec.jwtRules[].issuer", KeySource),
    free("spec.jwtRules[].jwks"),
    claim("spec.jwtRules[].jwksUri", KeySource),
    claim("spec.jwtRules[].jwks_uri", KeySource),
    free("spec.jwtRules[].outputClaimToHeaders[].claim"),
    claim("spec.jwtRules[].outputClaimToHeaders[].header", RequestHeader),
    claim("spec.jwtRules[].outputPayloadToHeader", RequestHeader),
    free("spec.jwtRules[].spaceDelimitedClaims"),
    free("spec.jwtRules[].timeout"),
    // Pods, waypoints and gateways of the object's own namespace.
    free("spec.selector.matchLabels"),
    free("spec.targetRef"),
    free("spec.targetRefs"),
    free("status"),
];
