use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of an Istio RequestAuthentication: where the keys of each issuer come from.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestAuthentication<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    jwt_rules: Vec<JwtRule<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JwtRule<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    issuer: Option<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    jwks: Option<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    jwks_uri: Option<JsonStr<'a>>,
    /// The same under the field's other name, which the API server serves too.
    #[serde(rename = "jwks_uri", borrow, deserialize_with = "nullable")]
    other_jwks_uri: Option<JsonStr<'a>>,
}

impl RequestAuthentication<'_> {
    /// Returns each URL that istiod fetches to get keys. Without keys and their URL it asks the issuer.
    pub fn key_sources(&self) -> impl Iterator<Item = Located<'static, &str>> {
        let rules = Located { value: self.jwt_rules.as_slice(), path: Path::of(&["spec", "jwtRules"]) };
        rules.elements().flat_map(|rule| {
            let JwtRule { issuer, jwks, jwks_uri, other_jwks_uri } = rule.value;
            let [issuer, jwks, jwks_uri, other_jwks_uri] = [issuer, jwks, jwks_uri, other_jwks_uri]
                .map(|text| text.as_deref().filter(|text| !text.is_empty()));
            let has_keys = [jwks, jwks_uri, other_jwks_uri].iter().any(Option::is_some);
            let issuer = issuer.filter(|_| !has_keys);
            [("jwksUri", jwks_uri), ("jwks_uri", other_jwks_uri), ("issuer", issuer)]
                .into_iter()
                .filter_map(move |(field, url)| Some(rule.field(field, url?)))
        })
    }
}
