use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::value::RawValue;

use super::Text;
use super::text::nullable;

/// A container, as far as rules read it; of the mesh's own they read the whole text.
#[derive(Debug)]
pub struct Container<'a> {
    pub name: Text<'a>,
    pub image: Option<Text<'a>>,
    pub volume_mounts: Vec<VolumeMount<'a>>,
    /// The container as it was sent.
    pub raw: &'a RawValue,
}

#[derive(Debug, Deserialize)]
pub struct VolumeMount<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Container<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            #[serde(borrow)]
            name: Text<'a>,
            #[serde(borrow, default)]
            image: Option<Text<'a>>,
            #[serde(borrow, default, deserialize_with = "nullable")]
            volume_mounts: Vec<VolumeMount<'a>>,
        }
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let Fields { name, image, volume_mounts } =
            serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self { name, image, volume_mounts, raw })
    }
}
