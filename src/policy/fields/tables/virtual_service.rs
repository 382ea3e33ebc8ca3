use super::{Field, claim, fields, free, metadata, unjudged};
use crate::policy::fields::ClaimKind::RequestHeader;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    unjudged("spec.exportTo"),
    unjudged("spec.gateways"),
    unjudged("spec.hosts"),
    claim("spec.http[].headers.request.add{}", RequestHeader),
    claim("spec.http[].headers.request.remove[]", RequestHeader),
    claim("spec.http[].headers.request.set{}", RequestHeader),
    free("spec.http[].headers.response"),
    free("spec.http[].name"),
    unjudged("spec.http[].route[].destination"),
    free("status"),
];
