use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::value::RawValue;

use super::Text;
use super::text::nullable;

/// A volume of a pod, as far as rules read it; of the mesh's own they read the whole text.
#[derive(Debug)]
pub struct Volume<'a> {
    pub name: Text<'a>,
    /// The audience of each projected service account token, with the index of its source.
    pub token_audiences: Vec<(usize, Text<'a>)>,
    /// The volume as it was sent.
    pub raw: &'a RawValue,
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            name: Text<'a>,
            #[serde(borrow, default, deserialize_with = "nullable")]
            projected: Projected<'a>,
        }
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let Fields { name, projected } = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let token_audiences = projected.sources.into_iter().enumerate();
        let token_audiences = token_audiences
            .filter_map(|(index, source)| Some((index, source.service_account_token?.audience?)));
        Ok(Self { name, token_audiences: token_audiences.collect(), raw })
    }
}

#[derive(Default, Deserialize)]
struct Projected<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    sources: Vec<Source<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    #[serde(borrow, default)]
    service_account_token: Option<TokenSource<'a>>,
}

#[derive(Deserialize)]
struct TokenSource<'a> {
    #[serde(borrow, default)]
    audience: Option<Text<'a>>,
}
